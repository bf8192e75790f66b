// Flags: those of conv-avx512.cc and -mavx512bf16 (x64 only).
// Precision::standard on processors that multiply pairs of bfloat16 numbers; the matrix product stays in float32.
#include "isa.h"

#if defined(__AVX512F__) && defined(__AVX512BF16__)
#define LIMBECK_NS avx512_bfloat16
#define LIMBECK_VECTOR_BYTES 64
#define LIMBECK_TILE_PIXELS 12
#define LIMBECK_TILE_VECTORS 2
#include "conv-bfloat16.h"
#include "conv-table.h"

namespace limbeck {
const KernelTable* avx512Bfloat16Kernels() { return avx512_bfloat16::Passes<avx512_bfloat16::Paired, false>::table(); }
}  // namespace limbeck
#else
namespace limbeck {
const KernelTable* avx512Bfloat16Kernels() { return nullptr; }
}  // namespace limbeck
#endif
