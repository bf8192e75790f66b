#include "copy.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include "pool.h"

namespace limbeck {
namespace {

constexpr int64_t kGrain = 16384;

struct Axis {
  int64_t size, from, to;
};

void checkWalk(const char* name, const Shape& shape, const Walk& walk) {
  if (walk.strides.size() != shape.size()) throw std::invalid_argument("stridedCopy: one stride for each axis is wanted");
  int64_t low = walk.offset, high = walk.offset;
  for (size_t i = 0; i < shape.size(); ++i) {
    const int64_t reach = (shape[i] - 1) * walk.strides[i];
    (reach < 0 ? low : high) += reach;
  }
  if (low < 0 || high >= walk.length) {
    throw std::invalid_argument(std::string("stridedCopy: the ") + name + " has " + std::to_string(walk.length) +
                                " elements, and elements " + std::to_string(low) + " to " + std::to_string(high) +
                                " were asked for");
  }
}

// A run of the innermost axis.
void copyRun(int64_t n, const float* x, int64_t sx, float* y, int64_t sy) {
  if (sx == 1 && sy == 1) {
    std::memcpy(y, x, static_cast<size_t>(n) * sizeof(float));
  } else if (sx == 0 && sy == 1) {
    const float v = *x;
    for (int64_t i = 0; i < n; ++i) y[i] = v;
  } else {
    for (int64_t i = 0; i < n; ++i) y[i * sy] = x[i * sx];
  }
}

// y[r, c] (rows of stride sy, dense columns) = x[c, r] (dense rows of x along r).
void transposeBlock(int64_t rows, int64_t columns, const float* x, int64_t sx, float* y, int64_t sy) {
  constexpr int64_t kTile = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
    const int64_t r1 = r0 + kTile < rows ? r0 + kTile : rows;
    for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
      const int64_t c1 = c0 + kTile < columns ? c0 + kTile : columns;
      for (int64_t r = r0; r < r1; ++r) {
        for (int64_t c = c0; c < c1; ++c) y[r * sy + c] = x[c * sx + r];
      }
    }
  }
}

}  // namespace

void stridedCopy(const Shape& shape, const float* source, const Walk& from, float* target, const Walk& to) {
  if (sizeOf(shape) == 0) return;
  checkWalk("source", shape, from);
  checkWalk("target", shape, to);
  std::vector<Axis> axes;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    const Axis next{shape[i], from.strides[i], to.strides[i]};
    if (!axes.empty() && axes.back().from == next.from * next.size && axes.back().to == next.to * next.size) {
      axes.back() = {axes.back().size * next.size, next.from, next.to};
    } else {
      axes.push_back(next);
    }
  }
  if (axes.empty()) axes.push_back({1, 1, 1});
  const float* const x = source + from.offset;
  float* const y = target + to.offset;
  const Axis inner = axes.back();
  if (axes.size() == 1) {
    parallelFor(inner.size, kGrain, [&](int64_t begin, int64_t end, int) {
      copyRun(end - begin, x + begin * inner.from, inner.from, y + begin * inner.to, inner.to);
    });
    return;
  }
  // Two axes that change places: copy in tiles, so that both sides use whole cache lines.
  const Axis second = axes[axes.size() - 2];
  size_t swapped = axes.size();
  if (inner.to == 1 && inner.from != 1 && inner.size > 4) {
    for (size_t i = 0; i + 1 < axes.size(); ++i) {
      if (axes[i].from == 1 && axes[i].size > 4) swapped = i;
    }
  }
  std::vector<Axis> outer;
  for (size_t i = 0; i + 1 < axes.size(); ++i) {
    const bool tiled = swapped < axes.size() ? i == swapped : i + 2 == axes.size();
    if (!tiled) outer.push_back(axes[i]);
  }
  const Axis middle = swapped < axes.size() ? axes[swapped] : second;
  int64_t many = 1;
  for (const Axis& axis : outer) many *= axis.size;
  // Units: (outer index, band of the middle axis).
  const int64_t band = kGrain / inner.size < 16 ? 16 : kGrain / inner.size;
  const int64_t bands = (middle.size + band - 1) / band;
  const int64_t unit = inner.size * (middle.size < band ? middle.size : band);
  parallelFor(many * bands, kGrain / unit < 1 ? 1 : kGrain / unit, [&](int64_t begin, int64_t end, int) {
    for (int64_t u = begin; u < end; ++u) {
      const int64_t m0 = (u % bands) * band, m1 = m0 + band < middle.size ? m0 + band : middle.size;
      int64_t index = u / bands, ox = m0 * middle.from, oy = m0 * middle.to;
      for (size_t i = outer.size(); i-- > 0;) {
        const int64_t k = index % outer[i].size;
        index /= outer[i].size;
        ox += k * outer[i].from;
        oy += k * outer[i].to;
      }
      if (swapped < axes.size()) {
        transposeBlock(m1 - m0, inner.size, x + ox, inner.from, y + oy, middle.to);
      } else {
        for (int64_t m = m0; m < m1; ++m, ox += middle.from, oy += middle.to) {
          copyRun(inner.size, x + ox, inner.from, y + oy, inner.to);
        }
      }
    }
  });
}

void gather(int64_t batch, int64_t outer, int64_t length, int64_t slice, int64_t many, const float* x, const int32_t* indices,
            float* y) {
  for (int64_t i = 0; i < batch * many; ++i) {
    if (indices[i] < 0 || indices[i] >= length) {
      throw std::out_of_range("GatherV2: the index value " + std::to_string(indices[i]) + " is not in [0, " +
                              std::to_string(length - 1) + "]");
    }
  }
  parallelFor(batch * outer * many, slice > 0 && kGrain / slice > 1 ? kGrain / slice : 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t u = begin; u < end; ++u) {
      const int64_t k = u % many, bo = u / many;
      const int64_t index = indices[(bo / outer) * many + k];
      std::memcpy(y + u * slice, x + (bo * length + index) * slice, static_cast<size_t>(slice) * sizeof(float));
    }
  });
}

void segmentSum(int64_t n, int64_t inner, int64_t segments, const float* x, const int32_t* ids, float* y) {
  fill(y, segments * inner, 0);
  // Every sum is taken in the order of i, whichever way the work is shared out.
  if (inner >= 1024) {
    parallelFor(inner, 256, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = 0; i < n; ++i) {
        if (ids[i] < 0 || ids[i] >= segments) continue;
        simd().axpy(x + i * inner + begin, y + ids[i] * inner + begin, end - begin, 1);
      }
    });
  } else {
    parallelFor(segments, n * inner < kGrain ? segments : 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = 0; i < n; ++i) {
        if (ids[i] < begin || ids[i] >= end) continue;
        simd().axpy(x + i * inner, y + ids[i] * inner, inner, 1);
      }
    });
  }
}

void oneHot(int64_t n, int64_t depth, const int32_t* indices, float on, float off, float* y) {
  fill(y, n * depth, off);
  for (int64_t i = 0; i < n; ++i) {
    if (indices[i] >= 0 && indices[i] < depth) y[i * depth + indices[i]] = on;
  }
}

}  // namespace limbeck
