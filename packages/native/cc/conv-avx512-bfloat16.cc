#include "isa.h"
namespace limbeck {
const KernelTable* avx512Bfloat16Kernels() { return nullptr; }
}  // namespace limbeck
