// Flags: baseline.
#define LIMBECK_NS amx_emulated
#define LIMBECK_VECTOR_BYTES 64
#define LIMBECK_TILE_PIXELS 2
#define LIMBECK_TILE_VECTORS 2
#include "../amx-pass.h"
#include "../conv-table.h"
#include "amx-emulated.h"

namespace limbeck {
const KernelTable* amxEmulatedKernels() { return amx_emulated::Passes<amx_emulated::Tiled<amx_emulated::EmulatedUnit>, false>::table(); }
}  // namespace limbeck
