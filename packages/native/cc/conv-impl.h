// Direct convolution without im2col and its two adjoints: what is done to one sample. conv-pass.h runs it over a batch.
//
// A sample lies in padded planes (conv-pack.h). Under one filter row, what an output pixel sees of a plane is one
// contiguous run of kw·width numbers, so forward is dotTile over kh·planes runs. The adjoint to the input is the same with
// flipped filters when the stride is 1; for other strides and for few input channels it is a matrix product with the filters
// whose kh·kw·C results per pixel are added where they belong. The adjoint to the filter is outerTile for every tap.
#pragma once
#include "conv-geometry.h"

namespace limbeck {
namespace LIMBECK_NS {

// A dot product sweep over pixels: tables shared by all samples.
template <class Operand>
struct DotSweep {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  static constexpr int L = kLanes<T>;

  const int64_t* pixelOffsets;
  const int64_t* runs;
  int64_t runCount, runLength;
  int64_t packedRows;      // rows of a whole packed panel
  int64_t firstRow = 0;    // where these runs start in it
  Ahead* ahead = nullptr;

  const E* panel(const E* packed, int64_t vector, int64_t wide) const {
    return packed + packedRows * vector * L + firstRow * wide;
  }

  void tile(const E* x, const E* w, const T* start, int64_t pixel, int64_t count, int64_t vectors, T* out, int64_t outPixel,
            int64_t outVector, bool accumulate) const {
    const E* pointers[kTilePixels];
    for (int64_t p = 0; p < count; p++) pointers[p] = x + pixelOffsets[pixel + p];
    DotArguments<Operand> arguments;
    arguments.x = pointers;
    arguments.runs = runs;
    arguments.runCount = runCount;
    arguments.runLength = runLength;
    arguments.w = w;
    arguments.start = start;
    arguments.out = out;
    arguments.outPixel = outPixel;
    arguments.outVector = outVector;
    arguments.accumulate = accumulate;
    if (ahead) ahead->step();
    tiles<Operand>().dot[vectors - 1][count - 1](arguments);
  }

  // Vectors [firstVector, endVector) of outputs into planes [.., pixels, kPlane]; firstVector starts a panel and `out` is
  // the plane that it starts.
  void toPlanes(const E* x, const E* packed, const T* start, int64_t pixels, int64_t firstVector, int64_t endVector, T* out,
                int64_t outPlane, bool accumulate) const {
    const TileCut cut(pixels);
    for (int64_t v = firstVector; v < endVector; v += kTileVectors) {
      const int64_t vectors = least(kTileVectors, endVector - v);
      const int64_t channel = (v - firstVector) * L;
      T* to = out + channel / kPlane * outPlane + channel % kPlane;
      const E* w = panel(packed, v, vectors * L);
      for (int64_t i = 0; i < cut.parts; i++) {
        const int64_t pixel = cut.begin(i);
        tile(x, w, start ? start + v * L : nullptr, pixel, cut.begin(i + 1) - pixel, vectors, to + pixel * kPlane, kPlane,
             L == kPlane ? outPlane : L, accumulate);
      }
    }
  }

  // All vectors [firstVector, endVector) of pixels [firstPixel, endPixel) into rows of `columns` numbers, `outPixel` apart.
  void toRows(const E* x, const E* packed, const T* start, int64_t firstPixel, int64_t endPixel, int64_t firstVector,
              int64_t endVector, int64_t columns, T* out, int64_t outPixel, bool accumulate) const {
    const TileCut cut(endPixel - firstPixel);
    for (int64_t v = firstVector; v < endVector; v += kTileVectors) {
      const int64_t vectors = least(kTileVectors, endVector - v);
      const int64_t here = least(vectors * L, columns - v * L);
      const E* w = panel(packed, v, vectors * L);
      for (int64_t i = 0; i < cut.parts; i++) {
        const int64_t pixel = firstPixel + cut.begin(i), count = firstPixel + cut.begin(i + 1) - pixel;
        T* to = out + pixel * outPixel + v * L;
        if (here == vectors * L) {
          tile(x, w, start ? start + v * L : nullptr, pixel, count, vectors, to, outPixel, L, accumulate);
          continue;
        }
        T edge[kTilePixels * kTileVectors * L];
        tile(x, w, start ? start + v * L : nullptr, pixel, count, vectors, edge, vectors * L, L, false);
        for (int64_t p = 0; p < count; p++)
          for (int64_t c = 0; c < here; c++) {
            T& cell = to[p * outPixel + c];
            cell = accumulate ? cell + edge[p * vectors * L + c] : edge[p * vectors * L + c];
          }
      }
    }
  }
};

// Rows [kh·kw·C] of `outRow` numbers (+)= Σ over the pixels of one sample, in the order of Geometry::filterRow; vectors
// [firstVector, endVector) of outputs; b is plane `firstPlane` of them.
template <class Operand>
void filterSweep(const Geometry<Operand>& g, const typename Operand::Element* x, const typename Operand::Element* b,
                 int64_t bRow, int64_t bPlane, int64_t firstPlane, int64_t firstVector, int64_t endVector,
                 typename Operand::Real* out, int64_t outRow, bool accumulate) {
  using T = typename Operand::Real;
  constexpr int L = kLanes<T>;
  const ConvShape& s = g.s;
  const int64_t width = g.in.width, columns = g.in.columns;
  const int64_t tapRows = g.stacked ? 1 : s.kh, numbers = g.stacked ? s.kh * s.c : s.c;
  // With one plane and no padding channels the taps of a filter row are one run.
  const bool merged = g.in.count == 1 && width == numbers;
  OuterArguments<Operand> t;
  t.xRow = g.rowStep() * width;
  t.xStep = s.strideW * width * Operand::group;
  t.bRow = bRow;
  t.bStep = kPlane;
  t.rows = s.oh;
  t.columns = ceilDivide(s.ow, Operand::group);
  t.outRow = outRow;
  t.accumulate = accumulate;
  for (int64_t v = firstVector; v < endVector; v += kTileVectors) {
    const int64_t vectors = least(kTileVectors, endVector - v);
    const int64_t channel = v * L - firstPlane * kPlane;
    t.b = b + channel / kPlane * bPlane + channel % kPlane;
    t.bVector = L == kPlane ? bPlane : L;
    for (int64_t p = 0; p < g.in.count; p++) {
      const int64_t here = merged ? s.kw * numbers : least(width, numbers - p * width);
      const TileCut cut(here);
      for (int64_t i = 0; i < tapRows; i++)
        for (int64_t j = 0; j < (merged ? 1 : s.kw); j++) {
          const auto* corner = x + ((p * g.in.rows + i) * columns + j) * width;
          const int64_t row = (i * s.kw + j) * numbers + p * width;
          for (int64_t k = 0; k < cut.parts; k++) {
            const int64_t c = cut.begin(k);
            t.x = corner + c;
            t.out = out + (row + c) * outRow + v * L;
            tiles<Operand>().outer[vectors - 1][cut.begin(k + 1) - c - 1](t);
          }
        }
    }
  }
}

template <class T>
LIMBECK_INLINE void addRun(T* to, const T* from, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] += from[i];
}

// dx of one sample from patches [pixels, patchStride], by adding each pixel's kh·kw·C numbers where they were taken from.
template <class T>
void scatterPatches(const ConvShape& s, int64_t patchStride, const T* patches, T* padded, T* dx) {
  const int64_t rows = (s.oh - 1) * s.strideH + s.kh, columns = (s.ow - 1) * s.strideW + s.kw, run = s.kw * s.c;
  // Neighbouring pixels add to the same numbers; every `phases`-th do not, so that no load waits for a store just made.
  const int64_t phases = ceilDivide(s.kw, s.strideW), step = s.strideW * s.c;
  zero(padded, rows * columns * s.c);
  for (int64_t h = 0; h < s.oh; h++)
    for (int64_t i = 0; i < s.kh; i++) {
      T* row = padded + (h * s.strideH + i) * columns * s.c;
      const T* from = patches + h * s.ow * patchStride + i * run;
      for (int64_t phase = 0; phase < phases; phase++) {
        if (run == 9)
          for (int64_t w = phase; w < s.ow; w += phases) addRun(row + w * step, from + w * patchStride, 9);
        else
          for (int64_t w = phase; w < s.ow; w += phases) addRun(row + w * step, from + w * patchStride, run);
      }
    }
  const int64_t endColumn = most(0, least(s.w, columns - s.padLeft));
  for (int64_t h = 0; h < s.h; h++) {
    T* to = dx + h * s.w * s.c;
    const int64_t row = h + s.padTop;
    const int64_t here = row < rows ? endColumn : 0;
    if (here > 0) copy(to, padded + (row * columns + s.padLeft) * s.c, here * s.c);
    zero(to + here * s.c, (s.w - here) * s.c);
  }
}
// Numbers that scatterPatches wants in `padded`.
inline int64_t scatterSize(const ConvShape& s) {
  return ((s.oh - 1) * s.strideH + s.kh) * ((s.ow - 1) * s.strideW + s.kw) * s.c;
}

// What all samples of a convolution's passes share: packed filters and offset tables.
template <class Operand>
struct ForwardTables {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  int64_t *offsets, *runs, *pixels;

  void take(Pieces& pieces, const Geometry<Operand>& g) {
    offsets = pieces.take<int64_t>(g.rows * Operand::group);
    runs = pieces.take<int64_t>(g.forwardRunCount());
    pixels = pieces.take<int64_t>(g.pixels);
  }
  void fill(const Geometry<Operand>& g) const {
    g.forwardOffsets(offsets);
    g.forwardRuns(runs);
    g.forwardPixels(pixels);
  }
  static int64_t packedSize(const Geometry<Operand>& g, int64_t vectors) { return g.rows * vectors * g.L; }
  void pack(const Geometry<Operand>& g, const T* filter, int64_t vectors, E* packed) const {
    Packing<Operand>{filter, offsets, g.rows, g.s.o, 1, vectors, packed}.all();
  }
  DotSweep<Operand> sweep(const Geometry<Operand>& g) const {
    return {pixels, runs, g.forwardRunCount(), g.forwardRunLength(), g.rows};
  }
};

template <class Operand>
struct BackTables {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  int64_t *offsets, *runs, *pixels;

  void take(Pieces& pieces, const Geometry<Operand>& g) {
    offsets = pieces.take<int64_t>(g.backRows * Operand::group);
    runs = pieces.take<int64_t>(g.backRunCount());
    pixels = pieces.take<int64_t>(g.backPixels());
  }
  void fill(const Geometry<Operand>& g) const {
    g.backOffsets(offsets);
    g.backRuns(runs);
    g.backPixelOffsets(pixels);
  }
  static int64_t packedSize(const Geometry<Operand>& g) { return g.backRows * g.backVectors() * g.L; }
  void pack(const Geometry<Operand>& g, const T* filter, E* packed) const {
    Packing<Operand>{filter, offsets, g.backRows, g.backColumns(), g.s.o, g.backVectors(), packed}.all();
  }
  DotSweep<Operand> sweep(const Geometry<Operand>& g) const {
    return {pixels, runs, g.backRunCount(), g.backRunLength(), g.backRows};
  }
};

template <class T>
void padCopy(T* to, const T* from, int64_t count, int64_t padded) {
  if (from) copy(to, from, count);
  else zero(to, count);
  zero(to + count, padded - count);
}

// dfilter from the threads' sums [parts][kh·kw·C][padded], in thread order.
template <class Operand>
void reduceFilter(const typename Operand::Real* sums, int64_t parts, const Geometry<Operand>& g, typename Operand::Real* dfilter) {
  using T = typename Operand::Real;
  const int64_t rows = g.patch, padded = g.paddedOutputs(), columns = g.s.o;
  parallel(rows, ceilDivide(16384, most(1, columns)), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      T* out = dfilter + g.filterRow(row) * columns;
      copy(out, sums + row * padded, columns);
      for (int64_t t = 1; t < parts; t++) {
        const T* more = sums + (t * rows + row) * padded;
        for (int64_t c = 0; c < columns; c++) out[c] += more[c];
      }
    }
  });
}

// Work is cut by samples; where there are fewer than threads, each sample is also cut into slices of at most `panels`.
inline int64_t slicesOf(int64_t n, int64_t panels) {
  const int64_t threads = parallelThreads();
  return n >= threads ? 1 : most(1, least(panels, ceilDivide(threads, most(1, n))));
}

}  // namespace LIMBECK_NS
}  // namespace limbeck
