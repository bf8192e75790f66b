#include "simd.h"

#include <atomic>
#include <cstring>

namespace limbeck {

extern const SimdKernels kSimdPortable;
#if defined(__x86_64__)
extern const SimdKernels kSimdAvx2;
extern const SimdKernels kSimdAvx512;
#endif

namespace {
std::atomic<const SimdKernels*> current{&kSimdPortable};
}

const SimdKernels& simd() { return *current.load(std::memory_order_relaxed); }

void selectSimd([[maybe_unused]] const char* isa) {
  const SimdKernels* table = &kSimdPortable;
#if defined(__x86_64__)
  if (std::strcmp(isa, "avx2") == 0) table = &kSimdAvx2;
  if (std::strncmp(isa, "avx512", 6) == 0 || std::strcmp(isa, "amx") == 0) table = &kSimdAvx512;
#endif
  current.store(table, std::memory_order_relaxed);
}

}  // namespace limbeck
