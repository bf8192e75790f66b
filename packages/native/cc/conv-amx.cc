// Flags: those of conv-avx512-bfloat16.cc (x64 only); the assembler must know AMX.
// Precision::standard on processors with tiles for bfloat16 numbers; the matrix product stays in float32.
#include "isa.h"

#if defined(__AVX512F__) && defined(__AVX512BF16__) && defined(__linux__) && \
    ((defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && __GNUC__ >= 11))
#define LIMBECK_NS amx
#define LIMBECK_VECTOR_BYTES 64
#define LIMBECK_TILE_PIXELS 12
#define LIMBECK_TILE_VECTORS 2
#include "amx-pass.h"
#include "amx-unit.h"
#include "conv-table.h"

namespace limbeck {
const KernelTable* amxKernels() { return amx::Passes<amx::Tiled<amx::AmxUnit>, false>::table(); }
}  // namespace limbeck
#else
namespace limbeck {
const KernelTable* amxKernels() { return nullptr; }
}  // namespace limbeck
#endif
