// Reduction leaf loops; included by simd_kernels.cc only. Sums and products are kept in double precision: they cost no more than the
// memory traffic and agree with the other back ends, which add in double.
#pragma once
#include "simd.h"
#include "simd_math.h"

namespace limbeck {
namespace {

constexpr int kLanes = 16;
typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef int32_t Masks __attribute__((vector_size(4 * kLanes)));

LIMBECK_INLINE void loadFloats(Floats& v, const float* p) { __builtin_memcpy(&v, p, sizeof v); }

double sumRowLoop(const float* x, int64_t n) {
  double lanes[2 * kLanes] = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    for (int j = 0; j < 2 * kLanes; ++j) lanes[j] += static_cast<double>(x[i + j]);
  }
  for (int j = 0; i < n; ++i, ++j) lanes[j] += static_cast<double>(x[i]);
  for (int half = kLanes; half > 0; half /= 2) {
    for (int j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  }
  return lanes[0];
}

double prodRowLoop(const float* x, int64_t n) {
  double product = 1;
  for (int64_t i = 0; i < n; ++i) product *= static_cast<double>(x[i]);
  return product;
}

template <bool Max>
LIMBECK_INLINE float extreme(float best, float v) {
  return ((Max ? v > best : v < best) || v != v) ? v : best;
}

template <bool Max>
float extremeRowLoop(const float* x, int64_t n) {
  constexpr int kChains = 4;
  float best = x[0];
  int64_t i = 0;
  if (n >= kLanes) {
    Floats m[kChains], v;
    Masks nan = {};
    for (int k = 0; k < kChains; ++k) loadFloats(m[k], x);
    for (; i + kChains * kLanes <= n; i += kChains * kLanes) {
      for (int k = 0; k < kChains; ++k) {
        loadFloats(v, x + i + k * kLanes);
        nan |= (Masks)(v != v);
        m[k] = (Max ? v > m[k] : v < m[k]) ? v : m[k];
      }
    }
    for (; i + kLanes <= n; i += kLanes) {
      loadFloats(v, x + i);
      nan |= (Masks)(v != v);
      m[0] = (Max ? v > m[0] : v < m[0]) ? v : m[0];
    }
    for (int k = 1; k < kChains; ++k) m[0] = (Max ? m[k] > m[0] : m[k] < m[0]) ? m[k] : m[0];
    float lanes[kLanes];
    int32_t nans[kLanes], any = 0;
    __builtin_memcpy(lanes, &m[0], sizeof lanes);
    __builtin_memcpy(nans, &nan, sizeof nans);
    for (int j = 0; j < kLanes; ++j) any |= nans[j];
    if (any) return __builtin_nanf("");
    best = lanes[0];
    for (int j = 1; j < kLanes; ++j) best = (Max ? lanes[j] > best : lanes[j] < best) ? lanes[j] : best;
  }
  for (; i < n; ++i) best = extreme<Max>(best, x[i]);
  return best;
}

void sumColumnsLoop(const float* x, int64_t rows, int64_t columns, int64_t stride, double* __restrict acc) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float* __restrict p = x + r * stride;
    const float* __restrict p1 = p + stride;
    const float* __restrict p2 = p1 + stride;
    const float* __restrict p3 = p2 + stride;
    for (int64_t j = 0; j < columns; ++j) {
      acc[j] += (static_cast<double>(p[j]) + static_cast<double>(p1[j])) +
                (static_cast<double>(p2[j]) + static_cast<double>(p3[j]));
    }
  }
  for (; r < rows; ++r) {
    const float* __restrict p = x + r * stride;
    for (int64_t j = 0; j < columns; ++j) acc[j] += static_cast<double>(p[j]);
  }
}
void prodColumnsLoop(const float* x, int64_t rows, int64_t columns, int64_t stride, double* __restrict acc) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* __restrict p = x + r * stride;
    for (int64_t j = 0; j < columns; ++j) acc[j] *= static_cast<double>(p[j]);
  }
}
template <bool Max>
void extremeColumnsLoop(const float* x, int64_t rows, int64_t columns, int64_t stride, double* __restrict acc) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* __restrict p = x + r * stride;
    for (int64_t j = 0; j < columns; ++j) {
      const double v = static_cast<double>(p[j]);
      acc[j] = ((Max ? v > acc[j] : v < acc[j]) || v != v) ? v : acc[j];
    }
  }
}

void softmaxRowsLoop(const float* x, float* y, int64_t rows, int64_t columns, bool logarithm) {
  for (int64_t r = 0; r < rows; ++r, x += columns, y += columns) {
    const float* __restrict xr = x;
    float* __restrict yr = y;
    const float top = extremeRowLoop<true>(xr, columns);
    for (int64_t i = 0; i < columns; ++i) yr[i] = expOf(xr[i] - top);
    const double sum = sumRowLoop(yr, columns);
    if (logarithm) {
      const float shift = logOf(static_cast<float>(sum));
      for (int64_t i = 0; i < columns; ++i) yr[i] = (xr[i] - top) - shift;
    } else {
      const float divisor = static_cast<float>(sum);
      for (int64_t i = 0; i < columns; ++i) yr[i] = yr[i] / divisor;
    }
  }
}

}  // namespace
}  // namespace limbeck
