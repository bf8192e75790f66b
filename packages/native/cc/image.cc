#include "image.h"

#include <algorithm>
#include <cmath>

#include "elementwise.h"
#include "pool.h"

namespace limbeck {
namespace {

constexpr int64_t kGrain = 8192;

int64_t rowsPerThread(int64_t rowSize) { return rowSize > 0 && kGrain / rowSize > 1 ? kGrain / rowSize : 1; }

double ratio(int64_t in, int64_t out, bool alignCorners) {
  const bool aligned = alignCorners && out > 1;
  return static_cast<double>(aligned ? in - 1 : in) / static_cast<double>(aligned ? out - 1 : out);
}

struct Tap {
  int64_t low, high;
  float fraction;
};

// Where output position `i` falls between two input positions.
Tap tapOf(int64_t i, double scale, int64_t size, bool halfPixel) {
  const double at = halfPixel ? scale * (static_cast<double>(i) + 0.5) - 0.5 : scale * static_cast<double>(i);
  const double last = static_cast<double>(size - 1);
  const double low = std::min(last, std::max(0.0, std::floor(at)));
  const double high = std::min(last, std::max(0.0, std::ceil(at)));
  return {static_cast<int64_t>(low), static_cast<int64_t>(high), static_cast<float>(at - low)};
}

// The four pixels around a position, with weight 0 (and a valid index) for those outside the image.
struct Corners {
  int64_t at[4];
  float weight[4];
};

Corners cornersOf(const SampleShape& s, float px, float py) {
  Corners k = {};
  // Also false for NaN: the position then has no pixels.
  const bool inside = px > -1.0f && px < static_cast<float>(s.w) && py > -1.0f && py < static_cast<float>(s.h);
  if (!inside) return k;
  const float fx = std::floor(px), fy = std::floor(py);
  const int64_t x0 = static_cast<int64_t>(fx), y0 = static_cast<int64_t>(fy);
  const float ax = px - fx, ay = py - fy;
  for (int i = 0; i < 4; ++i) {
    const int64_t x = x0 + (i & 1), y = y0 + (i >> 1);
    if (x < 0 || x >= s.w || y < 0 || y >= s.h) continue;
    k.at[i] = (y * s.w + x) * s.c;
    k.weight[i] = ((i & 1) ? ax : 1.0f - ax) * ((i >> 1) ? ay : 1.0f - ay);
  }
  return k;
}

}  // namespace

void resizeBilinear(const ResizeShape& s, const float* x, float* y) {
  const double sh = ratio(s.h, s.oh, s.alignCorners), sw = ratio(s.w, s.ow, s.alignCorners);
  parallelFor(s.n * s.oh, rowsPerThread(s.ow * s.c), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const Tap v = tapOf(row % s.oh, sh, s.h, s.halfPixelCenters);
      const float* const xi = x + (row / s.oh) * s.h * s.w * s.c;
      float* out = y + row * s.ow * s.c;
      for (int64_t col = 0; col < s.ow; ++col, out += s.c) {
        const Tap u = tapOf(col, sw, s.w, s.halfPixelCenters);
        const float* const tl = xi + (v.low * s.w + u.low) * s.c;
        const float* const tr = xi + (v.low * s.w + u.high) * s.c;
        const float* const bl = xi + (v.high * s.w + u.low) * s.c;
        const float* const br = xi + (v.high * s.w + u.high) * s.c;
        for (int64_t j = 0; j < s.c; ++j) {
          const float top = tl[j] + (tr[j] - tl[j]) * u.fraction;
          const float bottom = bl[j] + (br[j] - bl[j]) * u.fraction;
          out[j] = top + (bottom - top) * v.fraction;
        }
      }
    }
  });
}

void resizeBilinearGrad(const ResizeShape& s, const float* dy, float* dx) {
  const double sh = ratio(s.h, s.oh, s.alignCorners), sw = ratio(s.w, s.ow, s.alignCorners);
  const int64_t size = s.h * s.w * s.c;
  parallelFor(s.n, rowsPerThread(s.oh * s.ow * s.c), [&](int64_t begin, int64_t end, int) {
    for (int64_t image = begin; image < end; ++image) {
      float* const dxi = dx + image * size;
      std::fill(dxi, dxi + size, 0.0f);
      const float* g = dy + image * s.oh * s.ow * s.c;
      for (int64_t r = 0; r < s.oh; ++r) {
        const Tap v = tapOf(r, sh, s.h, false);
        for (int64_t c = 0; c < s.ow; ++c, g += s.c) {
          const Tap u = tapOf(c, sw, s.w, false);
          float* const tl = dxi + (v.low * s.w + u.low) * s.c;
          float* const tr = dxi + (v.low * s.w + u.high) * s.c;
          float* const bl = dxi + (v.high * s.w + u.low) * s.c;
          float* const br = dxi + (v.high * s.w + u.high) * s.c;
          for (int64_t j = 0; j < s.c; ++j) {
            tl[j] += g[j] * (1 - v.fraction) * (1 - u.fraction);
            tr[j] += g[j] * (1 - v.fraction) * u.fraction;
            bl[j] += g[j] * v.fraction * (1 - u.fraction);
            br[j] += g[j] * v.fraction * u.fraction;
          }
        }
      }
    }
  });
}

void affineSample(const SampleShape& s, const float* x, const float* grid, float* y) {
  parallelFor(s.n * s.oh, rowsPerThread(s.ow * (s.c + 8)), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t image = row / s.oh;
      const float* const xi = x + image * s.h * s.w * s.c;
      const float* position = grid + ((s.grids == 1 ? 0 : image) * s.oh + row % s.oh) * s.ow * 2;
      float* out = y + row * s.ow * s.c;
      for (int64_t col = 0; col < s.ow; ++col, position += 2, out += s.c) {
        const Corners k = cornersOf(s, position[0], position[1]);
        for (int64_t j = 0; j < s.c; ++j) {
          float v = 0;
          for (int i = 0; i < 4; ++i) {
            if (k.weight[i] != 0.0f) v += k.weight[i] * xi[k.at[i] + j];
          }
          out[j] = v;
        }
      }
    }
  });
}

void affineSampleTranspose(const SampleShape& s, const float* dy, const float* grid, float* dx) {
  const int64_t size = s.h * s.w * s.c;
  parallelFor(s.n, rowsPerThread(s.oh * s.ow * (s.c + 8)), [&](int64_t begin, int64_t end, int) {
    for (int64_t image = begin; image < end; ++image) {
      float* const dxi = dx + image * size;
      std::fill(dxi, dxi + size, 0.0f);
      const float* position = grid + (s.grids == 1 ? 0 : image) * s.oh * s.ow * 2;
      const float* g = dy + image * s.oh * s.ow * s.c;
      for (int64_t p = 0; p < s.oh * s.ow; ++p, position += 2, g += s.c) {
        const Corners k = cornersOf(s, position[0], position[1]);
        for (int i = 0; i < 4; ++i) {
          if (k.weight[i] == 0.0f) continue;
          for (int64_t j = 0; j < s.c; ++j) dxi[k.at[i] + j] += k.weight[i] * g[j];
        }
      }
    }
  });
}

}  // namespace limbeck
