// Flags: baseline (none beyond the common ones).
#include "amx.h"

#include <cerrno>
#include <cstring>
#include <vector>

#if defined(__linux__) && defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace limbeck {
namespace {

#if defined(__linux__) && defined(__x86_64__)
// Eight tiles of 16 rows × 64 bytes.
bool wholeTiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(0x1d, 1, &a, &b, &c, &d) && (b & 0xffffu) >= 64 && b >> 16 >= 8 && (c & 0xffffu) >= 16;
}

std::string allowTiles() {
  constexpr long request = 0x1023, tileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  if (syscall(SYS_arch_prctl, request, tileData) == 0) return "";
  return std::string("the system does not allow tiles (arch_prctl: ") + std::strerror(errno) + ")";
}
#else
bool wholeTiles() { return false; }
std::string allowTiles() { return "tiles are used on Linux alone"; }
#endif

std::vector<float> wholeNumbers(int64_t count, uint32_t seed) {
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& each : numbers) {
    seed = seed * 1664525u + 1013904223u;
    each = static_cast<float>(seed >> 28) - 8.f;
  }
  return numbers;
}

}  // namespace

bool sameResults(const KernelTable& a, const KernelTable& b) {
  // Tiles whole and in part, in rows and in columns; one panel, so that no other thread is woken.
  const ConvShape s{1, 7, 7, 24, 24, 3, 3, 1, 1, 1, 1, 7, 7};
  const auto x = wholeNumbers(s.n * s.h * s.w * s.c, 1), filter = wholeNumbers(s.kh * s.kw * s.c * s.o, 2), bias = wholeNumbers(s.o, 3);
  const auto dy = wholeNumbers(s.n * s.oh * s.ow * s.o, 4);
  const auto results = [&](const KernelTable& table) {
    std::vector<float> y(dy.size()), dx(x.size()), dfilter(filter.size());
    table.convForward(s, x.data(), filter.data(), bias.data(), y.data());
    table.convBackwardInput(s, dy.data(), filter.data(), dx.data());
    table.convBackwardFilter(s, x.data(), dy.data(), dfilter.data());
    y.insert(y.end(), dx.begin(), dx.end());
    y.insert(y.end(), dfilter.begin(), dfilter.end());
    return y;
  };
  return results(a) == results(b);
}

std::string amxProblem() {
  const KernelTable *tiles = amxKernels(), *pairs = avx512Bfloat16Kernels();
  if (!tiles || !pairs) return "the compiler that built the addon does not know tiles";
  if (!wholeTiles()) return "the tiles are smaller than they should be";
  const std::string refused = allowTiles();
  if (!refused.empty()) return refused;
  if (!sameResults(*tiles, *pairs)) return "the results of a convolution tried at start were wrong";
  return "";
}

}  // namespace limbeck
