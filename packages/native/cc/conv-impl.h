// Direct convolution without im2col, its two adjoints, one sample at a time. See conv.h for what the functions compute.
//
// A sample lies in padded planes (conv-pack.h). Under one filter row, what an output pixel sees of a plane is one
// contiguous run of kw·width numbers, so forward is dotTile over kh·planes runs. The adjoint to the input is the same with
// flipped filters when the stride is 1; for other strides and for few input channels it is a matrix product with the filters
// whose kh·kw·C results per pixel are added where they belong. The adjoint to the filter is outerTile for every tap.
#pragma once
#include "conv-pack.h"
#include "conv.h"

namespace limbeck {
namespace LIMBECK_NS {

// Sizes and offset tables of one convolution's passes.
template <class Operand>
struct Geometry {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  static constexpr int G = Operand::group;
  static constexpr int L = kLanes<T>;
  static constexpr int64_t vectorsPerPlane = kPlane / L;

  ConvShape s;
  Planes in;          // of x, as the forward pass sees it
  Planes out;         // of dy or du, as the adjoint to the input sees it (padded when direct, bare otherwise)
  int64_t pixels;     // oh·ow
  int64_t outPlanes;  // planes of O
  int64_t rows;       // of the packed forward filter, elements
  int64_t backRows;   // of the packed adjoint filter, elements
  bool direct;        // adjoint to the input by convolution, else by product and scatter
  int64_t patch;      // kh·kw·C

  explicit Geometry(const ConvShape& shape) : s(shape) {
    pixels = s.oh * s.ow;
    patch = s.kh * s.kw * s.c;
    const int64_t count = most(1, ceilDivide(s.c, kPlane));
    in.h = s.h, in.w = s.w, in.c = s.c;
    in.rows = (s.oh - 1) * s.strideH + s.kh, in.columns = (s.ow - 1) * s.strideW + s.kw;
    in.top = s.padTop, in.left = s.padLeft;
    in.count = count, in.width = ceilDivide(ceilDivide(s.c, count), G) * G;
    rows = s.kh * s.kw * in.count * in.width / G;

    outPlanes = most(1, ceilDivide(s.o, kPlane));
    direct = s.strideH == 1 && s.strideW == 1 && s.c >= 8 && s.padTop < s.kh && s.padLeft < s.kw;
    out.h = s.oh, out.w = s.ow, out.c = s.o;
    out.width = kPlane, out.count = outPlanes;
    if (direct) {
      out.top = s.kh - 1 - s.padTop, out.left = s.kw - 1 - s.padLeft;
      out.rows = most(s.h + s.kh - 1, out.top + s.oh), out.columns = most(s.w + s.kw - 1, out.left + s.ow);
      backRows = s.kh * s.kw * outPlanes * kPlane / G;
    } else {
      out.top = out.left = 0;
      out.rows = s.oh, out.columns = s.ow;
      backRows = outPlanes * kPlane / G;
    }
  }

  int64_t inSize() const { return in.size() / G; }      // elements
  int64_t outSize() const { return out.size() / G; }
  int64_t outVectors() const { return outPlanes * vectorsPerPlane; }           // of forward results in planes
  int64_t backColumns() const { return direct ? s.c : patch; }
  int64_t backVectors() const { return ceilDivide(backColumns(), L); }
  int64_t backPixels() const { return direct ? s.h * s.w : pixels; }
  int64_t paddedOutputs() const { return outPlanes * kPlane; }
  // Outer operand of x: one element a channel; same as the plain planes.
  int64_t outerInSize() const { return in.size(); }
  int64_t outerColumns() const { return ceilDivide(s.ow, G); }
  int64_t outerOutPlane() const { return s.oh * outerColumns() * kPlane; }

  // Packed filter [kh, plane, kw, channel] × outputs.
  void forwardOffsets(int64_t* offsets) const {
    for (int64_t i = 0; i < s.kh; i++)
      for (int64_t p = 0; p < in.count; p++)
        for (int64_t j = 0; j < s.kw; j++)
          for (int64_t c = p * in.width; c < (p + 1) * in.width; c++)
            *offsets++ = c < s.c ? ((i * s.kw + j) * s.c + c) * s.o : -1;
  }
  void forwardRuns(int64_t* runs) const {
    for (int64_t i = 0; i < s.kh; i++)
      for (int64_t p = 0; p < in.count; p++) *runs++ = (p * in.rows + i) * in.columns * (in.width / G);
  }
  void forwardPixels(int64_t* offsets) const {
    for (int64_t h = 0; h < s.oh; h++)
      for (int64_t w = 0; w < s.ow; w++)
        *offsets++ = (h * s.strideH * in.columns + w * s.strideW) * (in.width / G);
  }

  // Direct: [kh flipped, plane, kw flipped, output] × channels; else [plane, output] × (kh, kw, channel).
  void backOffsets(int64_t* offsets) const {
    const int64_t kh = direct ? s.kh : 1, kw = direct ? s.kw : 1;
    for (int64_t i = kh; i-- > 0;)
      for (int64_t p = 0; p < outPlanes; p++)
        for (int64_t j = kw; j-- > 0;)
          for (int64_t o = p * kPlane; o < (p + 1) * kPlane; o++)
            *offsets++ = o < s.o ? (direct ? (i * s.kw + j) * s.c * s.o : 0) + o : -1;
  }
  int64_t backRunCount() const { return direct ? s.kh * outPlanes : outPlanes; }
  int64_t backRunLength() const { return (direct ? s.kw : 1) * kPlane / G; }
  void backRuns(int64_t* runs) const {
    for (int64_t i = 0; i < (direct ? s.kh : 1); i++)
      for (int64_t p = 0; p < outPlanes; p++) *runs++ = (p * out.rows + i) * out.columns * (kPlane / G);
  }
  void backPixelOffsets(int64_t* offsets) const {
    const int64_t h = direct ? s.h : s.oh, w = direct ? s.w : s.ow;
    for (int64_t i = 0; i < h; i++)
      for (int64_t j = 0; j < w; j++) *offsets++ = (i * out.columns + j) * (kPlane / G);
  }
};

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

// dfilter rows [kh·kw·C] of `outRow` numbers (+)= Σ over the pixels of one sample; vectors [firstVector, endVector) of
// outputs; b is plane `firstPlane` of the outputs.
template <class Operand>
void filterSweep(const Geometry<Operand>& g, const typename Operand::Element* x, const typename Operand::Element* b,
                 int64_t bRow, int64_t bPlane, int64_t firstPlane, int64_t firstVector, int64_t endVector,
                 typename Operand::Real* out, int64_t outRow, bool accumulate) {
  using T = typename Operand::Real;
  constexpr int L = kLanes<T>;
  const ConvShape& s = g.s;
  const int64_t width = g.in.width;
  // With one plane and no padding channels the taps of a filter row are one run.
  const bool merged = g.in.count == 1 && width == s.c;
  OuterArguments<Operand> t;
  t.xRow = s.strideH * g.in.columns * width;
  t.xStep = s.strideW * width * Operand::group;
  t.bRow = bRow;
  t.bStep = kPlane;
  t.rows = s.oh;
  t.columns = g.outerColumns();
  t.outRow = outRow;
  t.accumulate = accumulate;
  for (int64_t v = firstVector; v < endVector; v += kTileVectors) {
    const int64_t vectors = least(kTileVectors, endVector - v);
    const int64_t channel = v * L - firstPlane * kPlane;
    t.b = b + channel / kPlane * bPlane + channel % kPlane;
    t.bVector = L == kPlane ? bPlane : L;
    for (int64_t p = 0; p < g.in.count; p++) {
      const int64_t channels = merged ? s.kw * s.c : least(width, s.c - p * width);
      const TileCut cut(channels);
      for (int64_t i = 0; i < s.kh; i++)
        for (int64_t j = 0; j < (merged ? 1 : s.kw); j++) {
          const auto* corner = x + p * g.in.rows * g.in.columns * width + (i * g.in.columns + j) * width;
          const int64_t row = (i * s.kw + j) * s.c + p * width;
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

// dx of one sample from patches [pixels, patchStride], by adding each pixel's kh·kw·C numbers where they were taken from.
template <class T>
void scatterPatches(const ConvShape& s, const Planes& in, const T* patches, int64_t patchStride, T* padded, T* dx) {
  const int64_t columns = in.columns, run = s.kw * s.c;
  zero(padded, in.rows * columns * s.c);
  for (int64_t h = 0; h < s.oh; h++)
    for (int64_t i = 0; i < s.kh; i++) {
      T* row = padded + (h * s.strideH + i) * columns * s.c;
      const T* from = patches + h * s.ow * patchStride + i * run;
      for (int64_t w = 0; w < s.ow; w++) {
        T* to = row + w * s.strideW * s.c;
        const T* patch = from + w * patchStride;
        for (int64_t j = 0; j < run; j++) to[j] += patch[j];
      }
    }
  const int64_t endColumn = most(0, least(s.w, columns - s.padLeft));
  for (int64_t h = 0; h < s.h; h++) {
    T* to = dx + h * s.w * s.c;
    const int64_t row = h + s.padTop;
    const int64_t here = row < in.rows ? endColumn : 0;
    if (here > 0) copy(to, padded + (row * columns + s.padLeft) * s.c, here * s.c);
    zero(to + here * s.c, (s.w - here) * s.c);
  }
}

// What all samples of a convolution's passes share: packed filters and offset tables.
template <class Operand>
struct ForwardTables {
  using E = typename Operand::Element;
  int64_t *offsets, *runs, *pixels;
  E* packed;

  void take(Pieces& pieces, const Geometry<Operand>& g, int64_t vectors) {
    offsets = pieces.take<int64_t>(g.rows * Operand::group);
    runs = pieces.take<int64_t>(g.s.kh * g.in.count);
    pixels = pieces.take<int64_t>(g.pixels);
    packed = pieces.take<E>(g.rows * vectors * g.L);
  }
  void fill(const Geometry<Operand>& g) {
    g.forwardOffsets(offsets);
    g.forwardRuns(runs);
    g.forwardPixels(pixels);
  }
  void pack(const Geometry<Operand>& g, const typename Operand::Real* filter, int64_t vectors) {
    Packing<Operand>{filter, offsets, g.rows, g.s.o, 1, vectors, packed}.all();
  }
  DotSweep<Operand> sweep(const Geometry<Operand>& g) const {
    return {pixels, runs, g.s.kh * g.in.count, g.s.kw * g.in.width / Operand::group, g.rows};
  }
};

template <class Operand>
struct BackTables {
  using E = typename Operand::Element;
  int64_t *offsets, *runs, *pixels;
  E* packed;

  void take(Pieces& pieces, const Geometry<Operand>& g) {
    offsets = pieces.take<int64_t>(g.backRows * Operand::group);
    runs = pieces.take<int64_t>(g.backRunCount());
    pixels = pieces.take<int64_t>(g.backPixels());
    packed = pieces.take<E>(g.backRows * g.backVectors() * g.L);
  }
  void fill(const Geometry<Operand>& g) {
    g.backOffsets(offsets);
    g.backRuns(runs);
    g.backPixelOffsets(pixels);
  }
  void pack(const Geometry<Operand>& g, const typename Operand::Real* filter) {
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

// Work is cut by samples; where there are fewer than threads, each sample is also cut into `slices` of vectors.
inline int64_t slicesOf(int64_t n, int64_t panels) {
  const int64_t threads = parallelThreads();
  return n >= threads ? 1 : most(1, least(panels, ceilDivide(threads, most(1, n))));
}

template <class Operand>
void convForwardPass(const ConvShape& s, const typename Operand::Real* x, const typename Operand::Real* filter,
                     const typename Operand::Real* bias, typename Operand::Real* y) {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  constexpr int L = kLanes<T>;
  if (s.n <= 0 || s.oh <= 0 || s.ow <= 0 || s.o <= 0) return;
  const Geometry<Operand> g(s);
  const int64_t vectors = ceilDivide(s.o, L);
  ForwardTables<Operand> tables;
  T* start;
  place(ScratchSlot::shared, [&](Pieces& pieces) {
    tables.take(pieces, g, vectors);
    start = pieces.take<T>(vectors * L);
  });
  tables.fill(g);
  tables.pack(g, filter, vectors);
  padCopy(start, bias, s.o, vectors * L);
  const DotSweep<Operand> sweep = tables.sweep(g);
  const int64_t panels = ceilDivide(vectors, kTileVectors), slices = slicesOf(s.n, panels);
  parallel(s.n * slices, 1, [&](int64_t begin, int64_t end, int) {
    E* planes;
    place(ScratchSlot::work, [&](Pieces& pieces) { planes = pieces.take<E>(g.inSize()); });
    zero(planes, g.inSize());
    for (int64_t i = begin; i < end; i++) {
      const int64_t n = i / slices, slice = i % slices;
      if (i == begin || slice == 0) loadPlanes<Operand>(g.in, x + n * s.h * s.w * s.c, planes);
      sweep.toRows(planes, tables.packed, start, 0, g.pixels, panels * slice / slices * kTileVectors,
                   least(vectors, panels * (slice + 1) / slices * kTileVectors), s.o, y + n * g.pixels * s.o, s.o, false);
    }
  });
}

template <class Operand>
void convBackwardInputPass(const ConvShape& s, const typename Operand::Real* dy, const typename Operand::Real* filter,
                           typename Operand::Real* dx) {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  if (s.n <= 0 || s.h <= 0 || s.w <= 0 || s.c <= 0) return;
  if (s.oh <= 0 || s.ow <= 0 || s.o <= 0) {
    zero(dx, s.n * s.h * s.w * s.c);
    return;
  }
  const Geometry<Operand> g(s);
  BackTables<Operand> tables;
  place(ScratchSlot::shared, [&](Pieces& pieces) { tables.take(pieces, g); });
  tables.fill(g);
  tables.pack(g, filter);
  const DotSweep<Operand> sweep = tables.sweep(g);
  const int64_t vectors = g.backVectors(), panels = ceilDivide(vectors, kTileVectors);
  const int64_t slices = g.direct ? slicesOf(s.n, panels) : 1;
  parallel(s.n * slices, 1, [&](int64_t begin, int64_t end, int) {
    E* planes;
    T *patches, *padded;
    place(ScratchSlot::work, [&](Pieces& pieces) {
      planes = pieces.take<E>(g.outSize());
      patches = pieces.take<T>(g.direct ? 0 : g.pixels * vectors * g.L);
      padded = pieces.take<T>(g.direct ? 0 : g.in.rows * g.in.columns * s.c);
    });
    zero(planes, g.outSize());
    for (int64_t i = begin; i < end; i++) {
      const int64_t n = i / slices, slice = i % slices;
      if (i == begin || slice == 0) loadPlanes<Operand>(g.out, dy + n * g.pixels * s.o, planes);
      T* out = dx + n * s.h * s.w * s.c;
      if (g.direct) {
        sweep.toRows(planes, tables.packed, nullptr, 0, s.h * s.w, panels * slice / slices * kTileVectors,
                     least(vectors, panels * (slice + 1) / slices * kTileVectors), s.c, out, s.c, false);
      } else {
        sweep.toRows(planes, tables.packed, nullptr, 0, g.pixels, 0, vectors, vectors * g.L, patches, vectors * g.L, false);
        scatterPatches(s, g.in, patches, vectors * g.L, padded, out);
      }
    }
  });
}

// dfilter from the threads' sums [parts][kh·kw·C][padded], in thread order.
template <class T>
void reduceFilter(const T* sums, int64_t parts, int64_t rows, int64_t padded, int64_t columns, T* dfilter) {
  parallel(rows, ceilDivide(16384, most(1, columns)), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      T* out = dfilter + row * columns;
      copy(out, sums + row * padded, columns);
      for (int64_t t = 1; t < parts; t++) {
        const T* more = sums + (t * rows + row) * padded;
        for (int64_t c = 0; c < columns; c++) out[c] += more[c];
      }
    }
  });
}

// Copies a sample into the operand of filterSweep that x is: the plain planes themselves, or pairs of neighbouring pixels.
template <class Operand>
void loadOuterInput(const Geometry<Operand>& g, const typename Operand::Real* sample, typename Operand::Element* planes) {
  if constexpr (Operand::plain) loadPlanes<Operand>(g.in, sample, planes);
  else Operand::pairPixels(g.in, g.s.strideW, sample, planes);
}

template <class Operand>
void convBackwardFilterPass(const ConvShape& s, const typename Operand::Real* x, const typename Operand::Real* dy,
                            typename Operand::Real* dfilter) {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  const int64_t taps = s.kh * s.kw * s.c;
  if (taps <= 0 || s.o <= 0) return;
  if (s.n <= 0 || s.oh <= 0 || s.ow <= 0) {
    zero(dfilter, taps * s.o);
    return;
  }
  const Geometry<Operand> g(s);
  const int64_t vectors = g.outVectors(), padded = g.paddedOutputs();
  const bool byOutputs = s.n < parallelThreads();
  const int64_t panels = ceilDivide(vectors, kTileVectors);
  const int64_t parts = byOutputs ? 1 : parallelParts(s.n, 1);
  T* sums;
  place(ScratchSlot::shared, [&](Pieces& pieces) { sums = pieces.take<T>(parts * taps * padded); });
  parallel(byOutputs ? panels : s.n, 1, [&](int64_t begin, int64_t end, int thread) {
    const int64_t first = byOutputs ? begin * kTileVectors : 0;
    const int64_t last = byOutputs ? least(vectors, end * kTileVectors) : vectors;
    E *planes, *outPlanes;
    const int64_t outPlane = g.outerOutPlane(), outRow = g.outerColumns() * kPlane;
    place(ScratchSlot::work, [&](Pieces& pieces) {
      planes = pieces.take<E>(g.outerInSize());
      outPlanes = pieces.take<E>(outPlane * g.outPlanes);
    });
    zero(planes, g.outerInSize());
    zero(outPlanes, outPlane * g.outPlanes);
    const Planes bare{s.oh, s.ow, s.o, s.oh, s.ow, 0, 0, kPlane, g.outPlanes};
    const int64_t firstSample = byOutputs ? 0 : begin;
    for (int64_t n = firstSample; n < (byOutputs ? s.n : end); n++) {
      loadOuterInput(g, x + n * s.h * s.w * s.c, planes);
      const T* sample = dy + n * g.pixels * s.o;
      if constexpr (Operand::plain) loadPlanes<Operand>(bare, sample, outPlanes);
      else Operand::pairOutputs(bare, sample, outPlanes);
      filterSweep(g, planes, outPlanes, outRow, outPlane, 0, first, last, sums + (byOutputs ? 0 : thread) * taps * padded, padded, n > firstSample);
    }
  });
  reduceFilter(sums, parts, taps, padded, s.o, dfilter);
}

}  // namespace LIMBECK_NS
}  // namespace limbeck
