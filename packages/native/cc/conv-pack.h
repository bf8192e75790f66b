// Operands of the register kernels: samples as zero-padded channel planes, filters as panels, scratch by the piece.
#pragma once
#include "conv-scratch.h"
#include "conv-tile.h"

namespace limbeck {
namespace LIMBECK_NS {

constexpr int64_t kPlane = 16;  // channels of one plane of a block's tensors

template <class F>
void parallel(int64_t n, int64_t grain, const F& body) {
  runParallel(
      n, grain,
      [](void* context, int64_t begin, int64_t end, int thread) {
        (*static_cast<const F*>(context))(begin, end, thread);
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

// Hands out pieces of one scratch block; with a null base it only counts.
struct Pieces {
  char* base = nullptr;
  size_t used = 0;

  template <class T>
  T* take(int64_t count) {
    T* piece = base ? reinterpret_cast<T*>(base + used) : nullptr;
    // 320 bytes between pieces keep equally long ones out of the same cache sets.
    used += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64 + 320;
    return piece;
  }
};

// Runs `plan(pieces)` twice: once to count, once to place.
template <class Plan>
void place(ScratchSlot slot, const Plan& plan) {
  Pieces count;
  plan(count);
  Pieces real;
  real.base = static_cast<char*>(scratch(slot, count.used));
  plan(real);
}

template <class T>
LIMBECK_INLINE void zero(T* to, int64_t count) {
  __builtin_memset(to, 0, static_cast<size_t>(count) * sizeof(T));
}

template <class T>
LIMBECK_INLINE void copy(T* to, const T* from, int64_t count) {
  __builtin_memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
}

// Memory that is wanted soon, fetched into the second-level cache a few lines at a time while the register kernels compute: rows
// of one pixel's channels are far apart, so the processor does not foresee them.
struct Ahead {
  struct Region {
    const char *at, *end;
    bool write;
  };
  Region regions[4];
  int count = 0, current = 0;
  int64_t rate = 1;  // lines at each step

  void restart() { count = current = 0; }
  template <class T>
  void add(const T* from, int64_t numbers, bool write) {
    if (!from || numbers <= 0) return;
    const char* at = reinterpret_cast<const char*>(from);
    regions[count++] = {at, at + static_cast<size_t>(numbers) * sizeof(T), write};
  }
  // Spreads what was added over `steps` steps.
  void spread(int64_t steps) {
    int64_t lines = 0;
    for (int i = 0; i < count; i++) lines += (regions[i].end - regions[i].at) / 64 + 1;
    rate = least(16, ceilDivide(lines, most(1, steps)));
  }
  LIMBECK_INLINE void step() {
    for (int64_t i = 0; i < rate && current < count; i++) {
      Region& region = regions[current];
      if (region.write) __builtin_prefetch(region.at, 1, 2);
      else __builtin_prefetch(region.at, 0, 2);
      region.at += 64;
      if (region.at >= region.end) current++;
    }
  }
};

// A sample [h, w, c] cut into planes of `width` channels, each zero-padded to [rows, columns]; the sample's corner is at
// (top, left), and what sticks out is dropped. Channels past c are zero.
struct Planes {
  int64_t h, w, c;
  int64_t rows, columns, top, left;
  int64_t width, count;

  int64_t plane() const { return rows * columns * width; }
  int64_t size() const { return plane() * count; }
};

// Nearest bfloat16, ties to even, as the upper half of a float's bits.
LIMBECK_INLINE uint32_t bfloat16Bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (bits >> 16) | 0x40u;
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

// Two numbers as one Element of a paired operand, or one as it is.
template <class Operand, class T>
LIMBECK_INLINE typename Operand::Element element(T first, T second) {
  if constexpr (Operand::plain) {
    (void)second;
    return first;
  } else {
    return bfloat16Bits(static_cast<float>(first)) | (bfloat16Bits(static_cast<float>(second)) << 16);
  }
}

// Copies a sample into planes. The border must be zero already.
template <class T>
void loadPlanes(const Planes& s, const T* sample, T* planes) {
  const int64_t plane = s.plane(), width = s.width;
  const int64_t firstRow = most(0, -s.top), endRow = least(s.h, s.rows - s.top);
  const int64_t firstColumn = most(0, -s.left), endColumn = least(s.w, s.columns - s.left);
  const int64_t whole = width == kPlane ? s.c / kPlane : 0;  // planes without padding channels
  for (int64_t h = firstRow; h < endRow; h++) {
    const T* from = sample + (h * s.w + firstColumn) * s.c;
    T* to = planes + ((h + s.top) * s.columns + firstColumn + s.left) * width;
    if (s.count == 1 && width == s.c) {
      if (endColumn > firstColumn) copy(to, from, (endColumn - firstColumn) * s.c);
      continue;
    }
    for (int64_t w = firstColumn; w < endColumn; w++, from += s.c, to += width) {
      T* out = to;
      for (int64_t p = 0; p < whole; p++, out += plane) __builtin_memcpy(out, from + p * kPlane, kPlane * sizeof(T));
      for (int64_t p = whole; p < s.count; p++, out += plane)
        for (int64_t c = p * width; c < least((p + 1) * width, s.c); c++) out[c - p * width] = from[c];
    }
  }
}

// A matrix of `rows` by `columns` as panels for dotTile: panel after panel of at most kTileVectors vectors of columns, each
// [rows][its columns], zero past the last column. Row r starts at offsets[r] of `from` (negative: a row of zeros) and
// walks in steps of columnStep; a paired operand takes two offsets a row.
template <class Operand>
struct Packing {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  const T* from;
  const int64_t* offsets;
  int64_t rows, columns, columnStep, vectors;
  E* to;

  int64_t panels() const { return ceilDivide(vectors, kTileVectors); }
  int64_t size() const { return rows * vectors * kLanes<T>; }

  void panel(int64_t index) const {
    constexpr int L = kLanes<T>;
    const int64_t first = index * kTileVectors;
    const int64_t wide = least(kTileVectors, vectors - first) * L;
    const int64_t here = most(0, least(wide, columns - first * L));
    E* out = to + rows * first * L;
    const T* columnsFrom = from + first * L * columnStep;
    // Rows that do not lie as they are wanted are gathered here first, zero past the last column.
    T gathered[Operand::group][kTileVectors * L] = {};
    for (int64_t r = 0; r < rows; r++, out += wide) {
      const T* row[Operand::group];
      for (int k = 0; k < Operand::group; k++) {
        const int64_t offset = offsets[r * Operand::group + k];
        row[k] = offset < 0 ? nullptr : columnsFrom + offset;
        if (offset < 0 || (columnStep == 1 && here == wide)) continue;
        for (int64_t column = 0; column < here; column++) gathered[k][column] = row[k][column * columnStep];
        row[k] = gathered[k];
      }
      if constexpr (!Operand::plain) Operand::pairColumns(row[0], row[1], wide, out);
      else if (row[0]) copy(out, row[0], wide);
      else zero(out, wide);
    }
  }

  void all() const {
    parallel(panels(), ceilDivide(16384, most(1, rows * kTileVectors * kLanes<T>)), [this](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) panel(i);
    });
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
