// Flags: baseline (arm64 has NEON); returns nothing elsewhere.
// 6 pixels × 4 vectors fill 24 of the 32 registers with sums.
#include "isa.h"

#if defined(__aarch64__)
#define LIMBECK_NS neon
#define LIMBECK_VECTOR_BYTES 16
#define LIMBECK_TILE_PIXELS 6
#define LIMBECK_TILE_VECTORS 4
#include "conv-table.h"

namespace limbeck {
const KernelTable* neonKernels() { return neon::Passes<neon::Plain<float>>::table(); }
}  // namespace limbeck
#else
namespace limbeck {
const KernelTable* neonKernels() { return nullptr; }
}  // namespace limbeck
#endif
