// What the kernel tests share: counting, comparing, random shapes.
#pragma once
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "reference.h"

namespace checks {

using namespace limbeck;
using namespace reference;
using Floats = std::vector<float>;
using Values = std::vector<double>;

inline int failures = 0;
inline int count = 0;

inline std::string describe(const ConvShape& s) {
  char text[200];
  std::snprintf(text, sizeof text, "n%ld %ldx%ldx%ld o%ld k%ldx%ld s%ld,%ld p%ld,%ld out %ldx%ld", long(s.n), long(s.h), long(s.w), long(s.c),
                long(s.o), long(s.kh), long(s.kw), long(s.strideH), long(s.strideW), long(s.padTop), long(s.padLeft), long(s.oh), long(s.ow));
  return text;
}
inline std::string describe(const BlockShape& b) {
  char text[200];
  std::snprintf(text, sizeof text, " norm%d groups%ld act%d pool%d/%ld power%g", int(b.norm), long(b.groups), int(b.activation), int(b.pool),
                long(b.poolSize), double(b.attentionPower));
  return describe(b.conv) + text;
}

inline void expect(bool ok, const std::string& what) {
  count++;
  if (ok) return;
  if (failures++ < 40) std::printf("FAILED %s\n", what.c_str());
}

inline Floats narrow(const Values& v) { return Floats(v.begin(), v.end()); }
inline float* orNull(Floats& v) { return v.empty() ? nullptr : v.data(); }
inline double* orNull(Values& v) { return v.empty() ? nullptr : v.data(); }
inline const double* orNull(const Values& v) { return v.empty() ? nullptr : v.data(); }

// What a table of kernels multiplies and how.
enum class Arithmetic { direct, winograd, bfloat16 };

// Returns the largest error.
template <class A>
double expectClose(const std::vector<A>& got, const Values& want, const Values& scale, double tolerance, const std::string& what) {
  double worst = 0;
  for (size_t i = 0; i < want.size(); i++) {
    const double error = std::fabs(static_cast<double>(got[i]) - want[i]) / (scale[i] + 1e-30);
    if (!(error <= worst)) worst = error;
  }
  char text[64];
  std::snprintf(text, sizeof text, ": error %.2e, allowed %.0e", worst, tolerance);
  expect(worst <= tolerance, what + text);
  return worst;
}

// Largest difference over largest value; what is zero in truth (numbers here are about 1) may be rounding.
template <class A, class B>
double relative(const std::vector<A>& got, const std::vector<B>& want) {
  double difference = 0, size = 1e-2;
  for (size_t i = 0; i < want.size(); i++) {
    const double d = std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    if (!(d <= difference)) difference = d;
    size = std::fmax(size, std::fabs(static_cast<double>(want[i])));
  }
  return difference / size;
}

inline ConvShape randomShape(Random& random, bool square) {
  ConvShape s{};
  s.n = random.pick<int64_t>({1, 1, 2, 3, 5});
  s.kh = random.pick<int64_t>({1, 2, 3, 3, 3, 5, 7});
  s.kw = square ? s.kh : random.pick<int64_t>({1, 2, 3, 3, 3, 5, 7});
  s.strideH = random.pick<int64_t>({1, 1, 1, 2, 3});
  s.strideW = square ? s.strideH : random.pick<int64_t>({1, 1, 1, 2, 3});
  s.c = random.pick<int64_t>({1, 3, 4, 8, 10, 16, 17, 20, 32, 40});
  s.o = random.pick<int64_t>({1, 3, 5, 8, 10, 16, 17, 24, 32, 33, 48, 50, 64});
  s.padTop = random.between(0, 4);
  s.padLeft = square ? s.padTop : random.between(0, 4);
  const int64_t padBottom = square ? s.padTop : random.between(0, 4), padRight = square ? s.padTop : random.between(0, 4);
  s.h = random.between(1, 11), s.w = random.between(1, 13);
  while (s.h + s.padTop + padBottom < s.kh) s.h++;
  while (s.w + s.padLeft + padRight < s.kw) s.w++;
  s.oh = (s.h + s.padTop + padBottom - s.kh) / s.strideH + 1;
  s.ow = (s.w + s.padLeft + padRight - s.kw) / s.strideW + 1;
  return s;
}

// One that minimal filtering takes.
inline ConvShape winogradShape(Random& random) {
  ConvShape s{};
  do {
    s.n = random.pick<int64_t>({1, 2, 3, 5, 11});
    s.kh = s.kw = 3, s.strideH = s.strideW = 1;
    s.c = random.pick<int64_t>({16, 32, 48}), s.o = random.pick<int64_t>({16, 32, 48, 80});
    s.padTop = s.padLeft = random.pick<int64_t>({0, 1, 1, 1, 2, 3});
    s.h = random.between(2, 14), s.w = random.between(2, 14);
    s.oh = s.h + 2 * s.padTop - 2, s.ow = s.w + 2 * s.padLeft - 2;
  } while (!fitsWinograd(s));
  return s;
}

}  // namespace checks
