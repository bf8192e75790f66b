// Tiled: bfloat16 numbers multiplied in tiles of 16 × 16 sums by a `Unit`, AmxUnit or its emulation. The passes of conv-pass.h
// and the block are those of any operand; what follows takes the place of what conv-geometry.h and conv-impl.h do for a sample.
#pragma once
#include "amx-layout.h"
#include "ceiling-impl.h"
#include "amx-product.h"
#include "conv-impl.h"

namespace limbeck {
namespace LIMBECK_NS {

template <class U>
struct Tiled {
  using Real = float;
  using Element = uint32_t;
  using Unit = U;
  static constexpr int group = 2;
  static constexpr bool plain = false;

  // Of Packing: to[i] = (first[i], second[i]) for whole vectors; either may be null: zeros.
  static void pairColumns(const float* first, const float* second, int64_t count, Element* to) {
    for (int64_t i = 0; i < count; i += kRow)
      store(to + i, roundPairs(first ? load(first + i) : zeros<float>(), second ? load(second + i) : zeros<float>()));
  }
};

// As of the primary template: products of tiles that are loaded once.
template <class U>
struct MultiplyAddRounds<Tiled<U>> {
  static int64_t run(int64_t rounds) {
    const TileSession<U> session;
    for (int64_t i = 0; i < rounds; i++) {
      U::template multiply<0, 4, 6>();
      U::template multiply<1, 4, 7>();
      U::template multiply<2, 5, 6>();
      U::template multiply<3, 5, 7>();
    }
    return rounds * 4 * kTileRows * kRow * kRowNumbers;
  }
};

// Panels of packed filters serve as the right operand: the rows of two tiles lie in turn.
template <class U>
struct DotSweep<Tiled<U>> {
  static constexpr int64_t kDeep = 12;  // steps at a time: what they take of a panel stays in the nearest cache

  DotLayout layout;
  const int64_t* runs;   // where each step starts
  int64_t runCount;      // half steps: planes of 16 channels, where the steps are no more than those
  int64_t firstRow = 0;  // where these steps start in a panel
  Ahead* ahead = nullptr;

  // As of the primary template.
  void toPlanes(const uint32_t* x, const uint32_t* packed, const float* start, int64_t pixels, int64_t firstVector, int64_t endVector,
                float* out, int64_t outPlane, bool accumulate) const {
    sweep(x, packed, start, 0, pixels, firstVector, endVector, accumulate, [=](int64_t vector, int64_t pixel, int64_t count) {
      return SumTile{out + (vector - firstVector) * outPlane + pixel * kPlane, kPlane, count, kRow};
    });
  }
  void toRows(const uint32_t* x, const uint32_t* packed, const float* start, int64_t firstPixel, int64_t endPixel, int64_t firstVector,
              int64_t endVector, int64_t columns, float* out, int64_t outPixel, bool accumulate) const {
    sweep(x, packed, start, firstPixel, endPixel, firstVector, endVector, accumulate, [=](int64_t vector, int64_t pixel, int64_t count) {
      return SumTile{out + pixel * outPixel + vector * kRow, outPixel, count, columns - vector * kRow};
    });
  }

 private:
  // sums(vector, pixel, count): where their sums go.
  template <class Sums>
  void sweep(const uint32_t* x, const uint32_t* packed, const float* start, int64_t firstPixel, int64_t endPixel, int64_t firstVector,
             int64_t endVector, bool accumulate, const Sums& sums) const {
    const TileSession<U> session;
    const int64_t steps = ceilDivide(runCount, 2), parts = ceilDivide(steps, kDeep);
    TileProduct t;
    t.aRow = layout.pixel;
    for (int64_t v = firstVector; v < endVector; v += kTileVectors) {
      const int64_t wide = least(kTileVectors, endVector - v);
      const uint32_t* w = packed + (layout.packedRows() * v + firstRow * wide) * kRow;
      t.bRow = wide * kRow, t.bStep = wide * kTileElements;
      t.start = start ? start + v * kRow : nullptr;
      for (int64_t part = 0; part < parts; part++) {
        const int64_t step = part * steps / parts;
        t.steps = (part + 1) * steps / parts - step;
        t.aSteps = runs + step;
        t.accumulate = accumulate || part > 0;
        for (int64_t n = 0; n < wide; n++) t.b[n] = w + step * t.bStep + n * kRow;
        for (int64_t pixel = firstPixel; pixel < endPixel;) {
          int64_t m = 0;
          for (; m < 2 && pixel < endPixel; m++) {
            const int64_t count = layout.together(pixel, endPixel - pixel);
            t.a[m] = x + layout.at(pixel);
            for (int64_t n = 0; n < wide; n++) t.c[m][n] = sums(v + n, pixel, count);
            pixel += count;
          }
          if (ahead) ahead->step();
          multiplyTiles<U>(t, m, wide);
        }
      }
    }
  }
};

// Packed filters and the table of steps of a convolution or its adjoint.
struct TiledTables {
  int64_t *offsets, *runs;

  void take(Pieces& pieces, const DotLayout& layout) {
    offsets = pieces.take<int64_t>(layout.steps * kRowNumbers);
    runs = pieces.take<int64_t>(layout.steps);
  }
};

template <class U>
struct ForwardTables<Tiled<U>> : TiledTables {
  using G = Geometry<Tiled<U>>;

  void take(Pieces& pieces, const G& g) { TiledTables::take(pieces, DotLayout::forward(g.s)); }
  void fill(const G& g) const {
    const DotLayout layout = DotLayout::forward(g.s);
    layout.stepOffsets(runs);
    layout.numberOffsets(offsets, [&](int64_t i, int64_t j, int64_t c) { return ((i * g.s.kw + j) * g.s.c + c) * g.s.o; });
  }
  static int64_t packedSize(const G& g, int64_t vectors) { return DotLayout::forward(g.s).packedRows() * vectors * kRow; }
  void pack(const G& g, const float* filter, int64_t vectors, uint32_t* packed) const {
    Packing<Tiled<U>>{filter, offsets, DotLayout::forward(g.s).packedRows(), g.s.o, 1, vectors, packed}.all();
  }
  DotSweep<Tiled<U>> sweep(const G& g) const {
    const DotLayout layout = DotLayout::forward(g.s);
    return {layout, runs, 2 * layout.steps};
  }
};

template <class U>
struct BackTables<Tiled<U>> : TiledTables {
  using G = Geometry<Tiled<U>>;

  void take(Pieces& pieces, const G& g) { TiledTables::take(pieces, DotLayout::adjoint(g)); }
  void fill(const G& g) const {
    const DotLayout layout = DotLayout::adjoint(g);
    layout.stepOffsets(runs);
    layout.numberOffsets(offsets, [&](int64_t i, int64_t j, int64_t o) {
      return o + ((layout.kh - 1 - i) * layout.kw + layout.kw - 1 - j) * g.s.c * g.s.o;
    });
  }
  static int64_t packedSize(const G& g) { return DotLayout::adjoint(g).packedRows() * g.backVectors() * kRow; }
  void pack(const G& g, const float* filter, uint32_t* packed) const {
    Packing<Tiled<U>>{filter, offsets, DotLayout::adjoint(g).packedRows(), g.backColumns(), g.s.o, g.backVectors(), packed}.all();
  }
  DotSweep<Tiled<U>> sweep(const G& g) const {
    const DotLayout layout = DotLayout::adjoint(g);
    return {layout, runs, 2 * layout.steps};
  }
};

template <class U>
struct InputPlanes<Tiled<U>> {
  using G = Geometry<Tiled<U>>;
  uint16_t* padded = nullptr;  // of patches
  uint32_t* dot = nullptr;
  uint32_t* outer = nullptr;

  void take(Pieces& pieces, const G& g, bool asDot, bool asOuter) {
    const DotLayout layout = DotLayout::forward(g.s);
    if (layout.patches && (asDot || asOuter)) padded = pieces.take<uint16_t>(layout.paddedNumbers());
    if (asDot || (asOuter && layout.patches)) dot = pieces.take<uint32_t>(layout.elements(layout.planes));
    if (asOuter) outer = pieces.take<uint32_t>(OuterLayout(layout).elements());
  }
  void clear(const G& g) const {
    const DotLayout layout = DotLayout::forward(g.s);
    if (padded) zero(padded, layout.paddedNumbers());
    if (dot) zero(dot, layout.elements(layout.planes));
    if (outer) zero(outer, OuterLayout(layout).elements());
  }
  void load(const G& g, const float* sample) const {
    if (!dot && !outer) return;
    const DotLayout layout = DotLayout::forward(g.s);
    const int64_t c = layout.c, size = layout.w * c;  // of a row
    for (int64_t r = layout.firstRow(); r < layout.endRow(); r++) {
      const float* row = sample + r * size;
      if (r + 1 < layout.h)
        for (int64_t k = 0; k < size; k += kRow) __builtin_prefetch(row + size + k);
      if (layout.patches) {
        const int64_t column = layout.firstColumn(), count = layout.endColumn() - column;
        roundRun(row + column * c, count * c, padded + layout.paddedAt(r, column));
        continue;
      }
      const auto channels = [=](int64_t column, int64_t first) LIMBECK_LAMBDA_INLINE {
        return first < c ? loadSome(row + column * c + first, c - first) : zeros<float>();
      };
      if (dot)
        layout.fillLines(r, 0, layout.planes, dot, [=](int64_t column, int64_t plane) LIMBECK_LAMBDA_INLINE {
          return roundRow(channels(column, plane * kRowNumbers), channels(column, plane * kRowNumbers + kRow));
        });
      if (outer)
        OuterLayout(layout).fillLines(r, outer, [=](int64_t column, int64_t plane) LIMBECK_LAMBDA_INLINE {
          return channels(column, plane * kPlane);
        });
    }
    if (!layout.patches) return;
    layout.fillPatches(padded, dot);
    if (outer) OuterLayout(layout).fillPatches(dot, outer);
  }
};

template <class U>
struct OutputPlanes<Tiled<U>> {
  float* real = nullptr;  // [count, rows, columns, kPlane]
  uint16_t* padded = nullptr;
  uint32_t* dot = nullptr;
  uint32_t* outer = nullptr;
  int64_t row = 0, plane = 0, corner = 0;  // of real: to the next row, to the next plane, to pixel (0, 0)
  int64_t outerRow = 0, outerPlane = 0;

  static Geometry<Tiled<U>> geometry(const ConvShape& s) { return Geometry<Tiled<U>>(s, false); }
  static OuterLayout outerLayout(const ConvShape& s) { return OuterLayout(DotLayout::forward(s)); }

  void take(Pieces& pieces, const ConvShape& s, const Planes& layout, int64_t count, bool asDot, bool asOuter) {
    row = layout.columns * kPlane, plane = layout.plane(), corner = (layout.top * layout.columns + layout.left) * kPlane;
    real = pieces.take<float>(count * plane);
    outerPlane = outerLayout(s).leftPlane();
    if (asDot) {
      const DotLayout adjoint = DotLayout::adjoint(geometry(s));
      padded_ = adjoint.paddedNumbers();
      elements_ = adjoint.elements(ceilDivide(count, 2));
      if (adjoint.patches) padded = pieces.take<uint16_t>(padded_);
      dot = pieces.take<uint32_t>(elements_);
    }
    if (asOuter) outer = pieces.take<uint32_t>(count * outerPlane);
  }
  void clear(int64_t count) const {
    if (real) zero(real, count * plane);
    if (padded) zero(padded, padded_);
    if (dot) zero(dot, elements_);
  }
  // To be called when planes [first, first + count) of `real` are complete, `first` even.
  void convert(const ConvShape& s, int64_t first, int64_t count) const {
    const auto at = [=](int64_t y, int64_t x, int64_t p) LIMBECK_LAMBDA_INLINE {
      return p < first + count ? limbeck::LIMBECK_NS::load(real + p * plane + corner + y * row + x * kPlane) : zeros<float>();
    };
    if (dot) {
      const DotLayout layout = DotLayout::adjoint(geometry(s));
      for (int64_t y = layout.firstRow(); y < layout.endRow(); y++) {
        if (!layout.patches)
          layout.fillLines(y, first / 2, ceilDivide(first + count, 2), dot, [=](int64_t x, int64_t p) LIMBECK_LAMBDA_INLINE {
            return roundRow(at(y, x, 2 * p), at(y, x, 2 * p + 1));
          });
        for (int64_t x = layout.firstColumn(); layout.patches && x < layout.endColumn(); x++)
          for (int64_t p = 0; p < count; p++)
            roundRun(real + p * plane + corner + y * row + x * kPlane, least(kPlane, s.o - p * kPlane),
                     padded + layout.paddedAt(y, x) + p * kPlane);
      }
      if (layout.patches) layout.fillPatches(padded, dot);
    }
    if (!outer) return;
    const OuterLayout layout = outerLayout(s);
    for (int64_t p = first; p < first + count; p++)
      layout.fillLeft(outer + p * outerPlane, [=](int64_t y, int64_t x) LIMBECK_LAMBDA_INLINE { return at(y, x, p); });
  }

 private:
  int64_t padded_ = 0, elements_ = 0;
};

// As of any operand, but `out` is [outputs][kh·kw·C]: the sums' tiles hold 16 outputs by 16 channels. reduceFilter turns it round.
template <class U>
void filterSweep(const Geometry<Tiled<U>>& g, const typename Tiled<U>::Element* x, const typename Tiled<U>::Element* b, int64_t,
                 int64_t bPlane, int64_t firstPlane, int64_t firstVector, int64_t endVector, typename Tiled<U>::Real* out, int64_t,
                 bool accumulate) {
  constexpr int64_t deep = 8;  // steps at a time: what they take of two planes of dy stays in the nearest cache
  const TileSession<U> session;
  const OuterLayout layout(DotLayout::forward(g.s));
  const int64_t parts = ceilDivide(layout.steps, deep);
  TileProduct t;
  t.aRow = t.bRow = kRow, t.bStep = kTileElements;
  t.aSteps = nullptr, t.start = nullptr;
  for (int64_t v = firstVector; v < endVector; v += 2) {
    const int64_t m = least(2, endVector - v);
    for (int64_t part = 0; part < parts; part++) {
      const int64_t step = part * layout.steps / parts;
      t.steps = (part + 1) * layout.steps / parts - step;
      t.accumulate = accumulate || part > 0;
      for (int64_t i = 0; i < m; i++) t.a[i] = b + (v + i - firstPlane) * bPlane + step * kTileElements;
      for (int64_t tile = 0; tile < layout.tiles; tile += 2) {
        const int64_t n = least(2, layout.tiles - tile);
        for (int64_t k = 0; k < n; k++) {
          const OuterLayout::Right right = layout.right(tile + k);
          t.b[k] = x + right.start + step * kTileElements;
          for (int64_t i = 0; i < m; i++)
            t.c[i][k] = {out + (v + i) * kTileRows * g.patch + right.row, g.patch, kTileRows, right.count};
        }
        multiplyTiles<U>(t, m, n);
      }
    }
  }
}

template <class U>
void reduceFilter(const typename Tiled<U>::Real* sums, int64_t parts, const Geometry<Tiled<U>>& g, typename Tiled<U>::Real* dfilter) {
  const int64_t rows = g.patch, columns = g.s.o, part = rows * g.paddedOutputs(), blocks = ceilDivide(rows, kRow);
  parallel(blocks, ceilDivide(16384, kRow * most(1, columns)), [&](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; block++) {
      const int64_t row = block * kRow, here = least(kRow, rows - row);
      for (int64_t o = 0; o < columns; o += kTileRows) {
        Vector<uint32_t> tile[kTileRows];
        for (int64_t i = 0; i < kTileRows; i++) {
          Vector<float> sum = zeros<float>();
          for (int64_t t = 0; t < parts; t++) sum += loadSome(sums + t * part + (o + i) * rows + row, here);
          tile[i] = (Vector<uint32_t>)sum;
        }
        uint32_t turned[kTileElements];
        transposeTile(tile, turned);
        for (int64_t i = 0; i < here; i++)
          __builtin_memcpy(dfilter + (row + i) * columns + o, turned + i * kRow, static_cast<size_t>(least(kRow, columns - o)) * sizeof(float));
      }
    }
  });
}

}  // namespace LIMBECK_NS
}  // namespace limbeck
