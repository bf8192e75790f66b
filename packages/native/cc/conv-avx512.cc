// Flags: -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512 (x64 only).
// 12 pixels × 2 vectors fill 24 of the 32 registers with sums.
#include "isa.h"

#if defined(__AVX512F__)
#define LIMBECK_NS avx512
#define LIMBECK_VECTOR_BYTES 64
#define LIMBECK_TILE_PIXELS 12
#define LIMBECK_TILE_VECTORS 2
#include "conv-table.h"

namespace limbeck {
const KernelTable* avx512Kernels(bool winograd) {
  using Operand = avx512::Plain<float>;
  return winograd ? avx512::Passes<Operand, true>::table() : avx512::Passes<Operand, false>::table();
}
}  // namespace limbeck
#else
namespace limbeck {
const KernelTable* avx512Kernels(bool) { return nullptr; }
}  // namespace limbeck
#endif
