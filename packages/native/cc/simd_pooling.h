// Pooling leaf loops over NHWC images, vectorised over channels; included by simd_kernels.cc only.
#pragma once
#include "simd.h"
#include "simd_math.h"

namespace limbeck {
namespace {

LIMBECK_INLINE int64_t atLeast(int64_t a, int64_t b) { return a > b ? a : b; }
LIMBECK_INLINE int64_t atMost(int64_t a, int64_t b) { return a < b ? a : b; }

// Rows or columns [from, to) of the input that window `o` covers.
LIMBECK_INLINE void window(int64_t o, int64_t stride, int64_t pad, int64_t size, int64_t limit, int64_t& corner, int64_t& from,
                           int64_t& to) {
  corner = o * stride - pad;
  from = atLeast(0, corner);
  to = atMost(limit, corner + size);
}

void avgPoolLoop(const PoolShape& s, const float* x, float* y, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t image = row / s.oh;
    const float* xi = x + image * s.h * s.w * s.c;
    int64_t rc, r0, r1;
    window(row % s.oh, s.strideH, s.padTop, s.fh, s.h, rc, r0, r1);
    for (int64_t oc = 0; oc < s.ow; ++oc) {
      int64_t cc, c0, c1;
      window(oc, s.strideW, s.padLeft, s.fw, s.w, cc, c0, c1);
      float* __restrict out = y + (row * s.ow + oc) * s.c;
      if (r1 - r0 == 2 && c1 - c0 == 2) {
        const float* __restrict p = xi + (r0 * s.w + c0) * s.c;
        const float* __restrict q = p + s.w * s.c;
        for (int64_t j = 0; j < s.c; ++j) out[j] = ((p[j] + p[j + s.c]) + (q[j] + q[j + s.c])) * 0.25f;
        continue;
      }
      for (int64_t j = 0; j < s.c; ++j) out[j] = 0.0f;
      for (int64_t r = r0; r < r1; ++r) {
        for (int64_t c = c0; c < c1; ++c) {
          const float* __restrict p = xi + (r * s.w + c) * s.c;
          for (int64_t j = 0; j < s.c; ++j) out[j] += p[j];
        }
      }
      const float count = static_cast<float>(atLeast(0, r1 - r0) * atLeast(0, c1 - c0));
      for (int64_t j = 0; j < s.c; ++j) out[j] = out[j] / count;
    }
  }
}

void maxPoolLoop(const PoolShape& s, const float* x, float* y, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t image = row / s.oh;
    const float* xi = x + image * s.h * s.w * s.c;
    int64_t rc, r0, r1;
    window(row % s.oh, s.strideH, s.padTop, s.fh, s.h, rc, r0, r1);
    for (int64_t oc = 0; oc < s.ow; ++oc) {
      int64_t cc, c0, c1;
      window(oc, s.strideW, s.padLeft, s.fw, s.w, cc, c0, c1);
      float* __restrict out = y + (row * s.ow + oc) * s.c;
      if (r1 - r0 == 2 && c1 - c0 == 2) {
        const float* __restrict p = xi + (r0 * s.w + c0) * s.c;
        const float* __restrict q = p + s.w * s.c;
        for (int64_t j = 0; j < s.c; ++j) {
          float best = -__builtin_inff();
          best = p[j] > best ? p[j] : best;
          best = p[j + s.c] > best ? p[j + s.c] : best;
          best = q[j] > best ? q[j] : best;
          out[j] = q[j + s.c] > best ? q[j + s.c] : best;
        }
        continue;
      }
      for (int64_t j = 0; j < s.c; ++j) out[j] = -__builtin_inff();
      for (int64_t r = r0; r < r1; ++r) {
        for (int64_t c = c0; c < c1; ++c) {
          const float* __restrict p = xi + (r * s.w + c) * s.c;
          for (int64_t j = 0; j < s.c; ++j) out[j] = p[j] > out[j] ? p[j] : out[j];
        }
      }
    }
  }
}

void avgPoolGradLoop(const PoolShape& s, const float* dy, float* dx, int64_t begin, int64_t end) {
  const float scale = 1.0f / static_cast<float>(s.fh * s.fw);
  for (int64_t row = begin; row < end; ++row) {
    const int64_t image = row / s.h, r = row % s.h;
    const float* dyi = dy + image * s.oh * s.ow * s.c;
    // Windows that cover input row r: o with o·stride − pad ≤ r < o·stride − pad + size.
    const int64_t top = r + s.padTop - s.fh + 1;
    const int64_t o0 = top <= 0 ? 0 : (top + s.strideH - 1) / s.strideH;
    const int64_t o1 = atMost(s.oh - 1, (r + s.padTop) / s.strideH);
    for (int64_t c = 0; c < s.w; ++c) {
      const int64_t left = c + s.padLeft - s.fw + 1;
      const int64_t p0 = left <= 0 ? 0 : (left + s.strideW - 1) / s.strideW;
      const int64_t p1 = atMost(s.ow - 1, (c + s.padLeft) / s.strideW);
      float* __restrict out = dx + (row * s.w + c) * s.c;
      if (o0 == o1 && p0 == p1) {
        const float* __restrict g = dyi + (o0 * s.ow + p0) * s.c;
        for (int64_t j = 0; j < s.c; ++j) out[j] = g[j] * scale;
        continue;
      }
      for (int64_t j = 0; j < s.c; ++j) out[j] = 0.0f;
      for (int64_t o = o0; o <= o1; ++o) {
        for (int64_t p = p0; p <= p1; ++p) {
          const float* __restrict g = dyi + (o * s.ow + p) * s.c;
          for (int64_t j = 0; j < s.c; ++j) out[j] += g[j];
        }
      }
      for (int64_t j = 0; j < s.c; ++j) out[j] *= scale;
    }
  }
}

void maxPoolGradLoop(const PoolShape& s, const float* x, const float* dy, float* dx, int64_t begin, int64_t end) {
  constexpr int64_t kBlock = 64;
  float best[kBlock];
  int32_t position[kBlock];
  const int64_t size = s.h * s.w * s.c;
  for (int64_t image = begin; image < end; ++image) {
    const float* xi = x + image * size;
    float* dxi = dx + image * size;
    for (int64_t i = 0; i < size; ++i) dxi[i] = 0.0f;
    for (int64_t oh = 0; oh < s.oh; ++oh) {
      int64_t rc, r0, r1;
      window(oh, s.strideH, s.padTop, s.fh, s.h, rc, r0, r1);
      for (int64_t ow = 0; ow < s.ow; ++ow) {
        int64_t cc, c0, c1;
        window(ow, s.strideW, s.padLeft, s.fw, s.w, cc, c0, c1);
        const float* g = dy + ((image * s.oh + oh) * s.ow + ow) * s.c;
        for (int64_t j0 = 0; j0 < s.c; j0 += kBlock) {
          const int64_t block = atMost(kBlock, s.c - j0);
          for (int64_t j = 0; j < block; ++j) {
            best[j] = -__builtin_inff();
            position[j] = -1;
          }
          for (int64_t r = r0; r < r1; ++r) {
            for (int64_t c = c0; c < c1; ++c) {
              const float* __restrict p = xi + (r * s.w + c) * s.c + j0;
              const int32_t here = static_cast<int32_t>((r - rc) * s.fw + (c - cc));
              for (int64_t j = 0; j < block; ++j) {
                const bool better = p[j] > best[j];
                position[j] = better ? here : position[j];
                best[j] = better ? p[j] : best[j];
              }
            }
          }
          for (int64_t r = r0; r < r1; ++r) {
            for (int64_t c = c0; c < c1; ++c) {
              float* __restrict out = dxi + (r * s.w + c) * s.c + j0;
              const int32_t here = static_cast<int32_t>((r - rc) * s.fw + (c - cc));
              for (int64_t j = 0; j < block; ++j) out[j] += position[j] == here ? g[j0 + j] : 0.0f;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace limbeck
