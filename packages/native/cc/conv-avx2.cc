// Flags: -mavx2 -mfma (x64 only).
// 6 pixels × 2 vectors fill 12 of the 16 registers with sums.
#include "isa.h"

#if defined(__AVX2__) && defined(__FMA__)
#define LIMBECK_NS avx2
#define LIMBECK_VECTOR_BYTES 32
#define LIMBECK_TILE_PIXELS 6
#define LIMBECK_TILE_VECTORS 2
#include "conv-table.h"

namespace limbeck {
const KernelTable* avx2Kernels(bool winograd) {
  using Operand = avx2::Plain<float>;
  return winograd ? avx2::Passes<Operand, true>::table() : avx2::Passes<Operand, false>::table();
}
}  // namespace limbeck
#else
namespace limbeck {
const KernelTable* avx2Kernels(bool) { return nullptr; }
}  // namespace limbeck
#endif
