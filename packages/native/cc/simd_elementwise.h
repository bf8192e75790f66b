// Element-wise leaf loops; included by simd_kernels.cc only.
#pragma once
#include "simd.h"
#include "simd_math.h"

namespace limbeck {
namespace {

#define LIMBECK_UNARY(name, expression)                                                      \
  struct Unary_##name {                                                                      \
    static LIMBECK_INLINE float apply(float x, [[maybe_unused]] float p, [[maybe_unused]] float q) { \
      return expression;                                                                     \
    }                                                                                        \
  };

LIMBECK_UNARY(neg, -x)
LIMBECK_UNARY(abs, __builtin_fabsf(x))
LIMBECK_UNARY(square, x * x)
LIMBECK_UNARY(sqrt, __builtin_sqrtf(x))
LIMBECK_UNARY(rsqrt, 1.0f / __builtin_sqrtf(x))
LIMBECK_UNARY(reciprocal, 1.0f / x)
LIMBECK_UNARY(exp, expOf(x))
LIMBECK_UNARY(expm1, expm1Of(x))
LIMBECK_UNARY(log, logOf(x))
LIMBECK_UNARY(log1p, log1pOf(x))
LIMBECK_UNARY(sigmoid, sigmoidOf(x))
LIMBECK_UNARY(tanh, tanhOf(x))
LIMBECK_UNARY(sin, sineOf(x))
LIMBECK_UNARY(cos, cosineOf(x))
LIMBECK_UNARY(relu, x < 0.0f ? 0.0f : x)
LIMBECK_UNARY(relu6, x < 0.0f ? 0.0f : x > 6.0f ? 6.0f : x)
LIMBECK_UNARY(leakyRelu, x < 0.0f ? p * x : x)
LIMBECK_UNARY(elu, x >= 0.0f ? x : expm1Of(x))
LIMBECK_UNARY(selu, x >= 0.0f ? 1.0507009873554805f * x : 1.7580993408473766f * expm1Of(x))
LIMBECK_UNARY(softplus, softplusOf(x))
LIMBECK_UNARY(step, x > 0.0f ? 1.0f : x != x ? x : p)
LIMBECK_UNARY(sign, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f)
LIMBECK_UNARY(erf, erfOf(x))
LIMBECK_UNARY(clip, x > q ? q : x < p ? p : x)
LIMBECK_UNARY(ceil, __builtin_ceilf(x))
LIMBECK_UNARY(floor, __builtin_floorf(x))
LIMBECK_UNARY(round, __builtin_nearbyintf(x))
LIMBECK_UNARY(addScalar, x + p)
LIMBECK_UNARY(mulScalar, x * p)
LIMBECK_UNARY(powHalf, x == -__builtin_inff() ? __builtin_inff() : __builtin_sqrtf(x))
LIMBECK_UNARY(powAny, powOf(x, p))

// Whole powers in double, rounded once.
template <int N>
struct Power {
  static LIMBECK_INLINE double of(double x) {
    const double half = Power<N / 2>::of(x);
    return N % 2 ? half * half * x : half * half;
  }
};
template <>
struct Power<1> {
  static LIMBECK_INLINE double of(double x) { return x; }
};
template <int N>
struct Unary_pow {
  static LIMBECK_INLINE float apply(float x, float, float) {
    if constexpr (N == 0) {
      return 1.0f;
    } else if constexpr (N < 0) {
      return static_cast<float>(1.0 / Power<-N>::of(static_cast<double>(x)));
    } else {
      return static_cast<float>(Power<N>::of(static_cast<double>(x)));
    }
  }
};

template <class Op>
void unaryLoop(const float* __restrict x, float* __restrict y, int64_t n, float p, float q) {
  for (int64_t i = 0; i < n; ++i) y[i] = Op::apply(x[i], p, q);
}

// Functions that are periodic: block by block without branches; a block that holds an angle too large for that, an infinity or NaN is
// gone through once more, one by one.
template <class Op, float far(float)>
void periodicLoop(const float* __restrict x, float* __restrict y, int64_t n, float p, float q) {
  constexpr int64_t block = 1024;
  for (int64_t start = 0; start < n; start += block) {
    const int64_t end = start + block < n ? start + block : n;
    int32_t most = 0;
    for (int64_t i = start; i < end; ++i) {
      const int32_t size = bitsOf(x[i]) & 0x7fffffff;
      most = size > most ? size : most;
      y[i] = Op::apply(x[i], p, q);
    }
    if (most <= bitsOf(kMostReduced)) continue;
    for (int64_t i = start; i < end; ++i) {
      if ((bitsOf(x[i]) & 0x7fffffff) > bitsOf(kMostReduced)) y[i] = far(x[i]);
    }
  }
}

#define LIMBECK_BINARY(name, type, expression)                                                         \
  struct Binary_##name {                                                                               \
    using Result = type;                                                                               \
    static LIMBECK_INLINE type apply(float a, float b) { return static_cast<type>(expression); }       \
  };

LIMBECK_BINARY(add, float, a + b)
LIMBECK_BINARY(sub, float, a - b)
LIMBECK_BINARY(mul, float, a* b)
LIMBECK_BINARY(div, float, a / b)
LIMBECK_BINARY(maximum, float, (a > b || a != a) ? a : b)
LIMBECK_BINARY(minimum, float, (a < b || a != a) ? a : b)
LIMBECK_BINARY(pow, float, powOf(a, b))
LIMBECK_BINARY(squaredDifference, float, (a - b) * (a - b))
LIMBECK_BINARY(prelu, float, a < 0.0f ? b * a : a)
LIMBECK_BINARY(eluGrad, float, b >= 0.0f ? a : a * (b + 1.0f))
LIMBECK_BINARY(equal, uint8_t, a == b)
LIMBECK_BINARY(notEqual, uint8_t, a != b)
LIMBECK_BINARY(less, uint8_t, a < b)
LIMBECK_BINARY(lessEqual, uint8_t, a <= b)
LIMBECK_BINARY(greater, uint8_t, a > b)
LIMBECK_BINARY(greaterEqual, uint8_t, a >= b)

template <class Op, class T = typename Op::Result>
void binaryLoop(int64_t rows, int64_t columns, const float* a, Operand sa, const float* b, Operand sb, T* y) {
  for (int64_t r = 0; r < rows; ++r, a += sa.row, b += sb.row, y += columns) {
    const float* __restrict ar = a;
    const float* __restrict br = b;
    T* __restrict yr = y;
    if (sa.column && sb.column) {
      for (int64_t i = 0; i < columns; ++i) yr[i] = Op::apply(ar[i], br[i]);
    } else if (sa.column) {
      const float v = *br;
      for (int64_t i = 0; i < columns; ++i) yr[i] = Op::apply(ar[i], v);
    } else if (sb.column) {
      const float v = *ar;
      for (int64_t i = 0; i < columns; ++i) yr[i] = Op::apply(v, br[i]);
    } else {
      const T v = Op::apply(*ar, *br);
      for (int64_t i = 0; i < columns; ++i) yr[i] = v;
    }
  }
}

void selectLoop(const uint8_t* __restrict c, const float* __restrict t, const float* __restrict e, float* __restrict y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = c[i] == 1 ? t[i] : e[i];
}
void fillLoop(float* y, int64_t n, float value) {
  for (int64_t i = 0; i < n; ++i) y[i] = value;
}
void fromBytesLoop(const uint8_t* __restrict x, float* __restrict y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]);
}
void fromIntsLoop(const int32_t* __restrict x, float* __restrict y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]);
}
void nonZeroLoop(const float* __restrict x, uint8_t* __restrict y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] != 0.0f;
}
void axpyLoop(const float* __restrict x, float* __restrict y, int64_t n, float a) {
  for (int64_t i = 0; i < n; ++i) y[i] += a * x[i];
}

}  // namespace
}  // namespace limbeck
