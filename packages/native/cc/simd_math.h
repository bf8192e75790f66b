// Elementary functions without branches, so that loops over them are vectorised. NaN goes in, NaN comes out; infinities and
// denormal numbers are handled. Errors are a few units in the last place. Polynomials: Cephes (S. L. Moshier), single precision.
#pragma once
#include <cstdint>

namespace limbeck {
namespace {

#define LIMBECK_INLINE inline __attribute__((always_inline))

LIMBECK_INLINE int32_t bitsOf(float x) {
  int32_t i;
  __builtin_memcpy(&i, &x, 4);
  return i;
}
LIMBECK_INLINE float floatOf(uint32_t i) {
  float x;
  __builtin_memcpy(&x, &i, 4);
  return x;
}
LIMBECK_INLINE float powerOfTwo(int32_t n) { return floatOf(static_cast<uint32_t>(n + 127) << 23); }

// x = n ln 2 + r with |r| ≤ ln 2 / 2; returns exp(r) - 1.
LIMBECK_INLINE float expReduced(float x, int32_t& n) {
  const float shifted = x * 1.44269504088896341f + 12582912.0f;
  n = bitsOf(shifted) - 0x4B400000;
  const float k = shifted - 12582912.0f;
  const float r = (x - k * 0.693359375f) - k * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return p * (r * r) + r;
}

LIMBECK_INLINE float expOf(float x) {
  float v = x < -104.0f ? -104.0f : x;
  v = v > 89.0f ? 89.0f : v;
  int32_t n;
  const float y = expReduced(v, n) + 1.0f;
  const int32_t half = n >> 1;
  return y * powerOfTwo(half) * powerOfTwo(n - half);
}

LIMBECK_INLINE float expm1Of(float x) {
  float v = x < -30.0f ? -30.0f : x;
  v = v > 89.0f ? 89.0f : v;
  int32_t n;
  const float y = expReduced(v, n);
  const int32_t half = n >> 1;
  const float a = powerOfTwo(half), b = powerOfTwo(n - half);
  // For large n the "- 1" no longer counts and the product must not overflow before its time.
  const float small = a * b * y + (a * b - 1.0f), large = (y + 1.0f) * a * b;
  return n > 60 ? large : small;
}

LIMBECK_INLINE float logOf(float x) {
  const bool tiny = x < 1.17549435e-38f;
  const float scaled = tiny ? x * 8388608.0f : x;
  const int32_t bits = bitsOf(scaled);
  // Mantissa in [sqrt(1/2), sqrt(2)).
  const int32_t shifted = bits - 0x3f3504f3;
  const int32_t exponent = shifted >> 23;
  const float m = floatOf(static_cast<uint32_t>(shifted & 0x007fffff) + 0x3f3504f3u);
  const float e = static_cast<float>(exponent) - (tiny ? 23.0f : 0.0f);
  const float f = m - 1.0f, z = f * f;
  float p = 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  float y = p * f * z + e * -2.12194440e-4f - 0.5f * z;
  y = f + y + e * 0.693359375f;
  y = x == 0.0f ? -__builtin_inff() : y;
  y = x < 0.0f ? __builtin_nanf("") : y;
  y = x == __builtin_inff() ? x : y;
  return x != x ? x : y;
}

LIMBECK_INLINE float log1pOf(float x) {
  const float u = 1.0f + x;
  const float corrected = logOf(u) * (x / (u - 1.0f));
  float y = u == 1.0f ? x : corrected;
  y = u == __builtin_inff() ? u : y;
  return u == 0.0f ? -__builtin_inff() : y;
}

LIMBECK_INLINE float tanhOf(float x) {
  const float a = x < 0.0f ? -x : x, z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float near = p * z * x + x;
  const float far = 1.0f - 2.0f / (expOf(a + a) + 1.0f);
  const float signedFar = x < 0.0f ? -far : far;
  return a < 0.625f ? near : signedFar;
}

LIMBECK_INLINE float sigmoidOf(float x) { return 1.0f / (1.0f + expOf(-x)); }

LIMBECK_INLINE float softplusOf(float x) {
  constexpr float threshold = 13.942385f;  // -(log(2^-23) + 2)
  const float e = expOf(x);
  const float middle = log1pOf(e);
  const float y = x > threshold ? x : middle;
  return x < -threshold ? e : y;
}

// Angles above this go to sineFar and cosineFar: up to it, the first two products below are exact.
constexpr float kMostReduced = 8192.0f;

// x = k π/2 + r with |r| ≤ π/4; the quarter k mod 4 says which of the two polynomials, and its sign.
LIMBECK_INLINE float quarterOf(float x, int32_t& quarter) {
  const float shifted = x * 0.636619772367581343f + 12582912.0f;
  quarter = bitsOf(shifted) & 3;
  const float k = shifted - 12582912.0f;
  return ((x - k * 1.5703125f) - k * 4.837512969970703125e-4f) - k * 7.54978994889188216e-8f;
}

LIMBECK_INLINE float sineReduced(float r) {
  const float z = r * r;
  return ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
}

LIMBECK_INLINE float cosineReduced(float r) {
  const float z = r * r;
  return ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
}

LIMBECK_INLINE float sineOf(float x) {
  int32_t quarter;
  const float r = quarterOf(x, quarter), s = sineReduced(r), c = cosineReduced(r);
  const float y = quarter & 1 ? c : s;
  return quarter & 2 ? -y : y;
}

LIMBECK_INLINE float cosineOf(float x) {
  int32_t quarter;
  const float r = quarterOf(x, quarter), s = sineReduced(r), c = cosineReduced(r);
  const float y = quarter & 1 ? s : c;
  return (quarter + 1) & 2 ? -y : y;
}

inline float sineFar(float x) { return static_cast<float>(__builtin_sin(static_cast<double>(x))); }
inline float cosineFar(float x) { return static_cast<float>(__builtin_cos(static_cast<double>(x))); }

// Natural logarithm of a number ≥ 0, in double: 2 artanh((m − 1)/(m + 1)) + e ln 2 with m in [sqrt(1/2), sqrt(2)).
LIMBECK_INLINE double preciseLog(double x) {
  int64_t bits;
  __builtin_memcpy(&bits, &x, 8);
  const int64_t shifted = bits - 0x3fe6a09e667f3bcd;
  const int64_t mantissa = (shifted & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd;
  double m;
  __builtin_memcpy(&m, &mantissa, 8);
  const double e = static_cast<double>(static_cast<int32_t>(shifted >> 52));
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  double y = 2.0 * (s + s * z * p) + e * 0.69314718055994530942;
  y = x == 0.0 ? -__builtin_inf() : y;
  y = x == __builtin_inf() ? x : y;
  return x != x ? x : y;
}

// exp in double for results that are rounded to float: 0 below −110, infinity above 100.
LIMBECK_INLINE double preciseExp(double x) {
  double v = x < -110.0 ? -110.0 : x;
  v = v > 100.0 ? 100.0 : v;
  const double t = v * 1.44269504088896340736 + 6755399441055744.0;
  int64_t n;
  __builtin_memcpy(&n, &t, 8);
  const double k = t - 6755399441055744.0;
  const double r = (v - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10;
  double p = 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const uint64_t scaleBits = static_cast<uint64_t>(n + 1023) << 52;
  double scale;
  __builtin_memcpy(&scale, &scaleBits, 8);
  return p * scale;
}

// Abramowitz and Stegun 7.1.26, as the other tfjs back ends compute it; in double, for 1 − (nearly 1) follows.
LIMBECK_INLINE float erfOf(float x) {
  const double v = static_cast<double>(x < 0.0f ? -x : x);
  const double t = 1.0 / (1.0 + 0.3275911 * v);
  const double p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const float y = static_cast<float>(1.0 - p * preciseExp(-v * v));
  const float s = x < 0.0f ? -y : y;
  return x == 0.0f ? 0.0f : s;
}

// Math.pow of JavaScript: as C's, but NaN where the exponent is NaN, or infinite on a base of ±1.
LIMBECK_INLINE float powOf(float x, float y) {
  const double a = static_cast<double>(x < 0.0f ? -x : x), b = static_cast<double>(y);
  const double size = preciseExp(b * preciseLog(a == 0.0 ? 0.0 : a));
  const bool whole = y == __builtin_rintf(y), odd = whole && 0.5f * y != __builtin_rintf(0.5f * y);
  const bool minus = bitsOf(x) < 0;
  double result = minus && odd ? -size : size;
  result = x < 0.0f && !whole && a != __builtin_inf() ? __builtin_nan("") : result;
  return y == 0.0f ? 1.0f : static_cast<float>(result);
}

}  // namespace
}  // namespace limbeck
