// Flags: those of conv-amx.cc.
#include "amx-emulation.h"

#if defined(__AVX512F__) && defined(__AVX512BF16__)
#define LIMBECK_NS amx_emulated_vector
#define LIMBECK_VECTOR_BYTES 64
#define LIMBECK_TILE_PIXELS 12
#define LIMBECK_TILE_VECTORS 2
#include "../amx-pass.h"
#include "../conv-table.h"
#include "amx-emulated.h"

namespace limbeck {
const KernelTable* amxEmulatedVectorKernels() {
  return amx_emulated_vector::Passes<amx_emulated_vector::Tiled<amx_emulated_vector::EmulatedUnit>, false>::table();
}
}  // namespace limbeck
#else
namespace limbeck {
const KernelTable* amxEmulatedVectorKernels() { return nullptr; }
}  // namespace limbeck
#endif
