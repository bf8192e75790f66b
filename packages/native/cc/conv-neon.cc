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
const KernelTable* neonKernels(bool winograd) {
  using Operand = neon::Plain<float>;
  return winograd ? neon::Passes<Operand, true>::table() : neon::Passes<Operand, false>::table();
}
}  // namespace limbeck
#else
namespace limbeck {
const KernelTable* neonKernels(bool) { return nullptr; }
}  // namespace limbeck
#endif
