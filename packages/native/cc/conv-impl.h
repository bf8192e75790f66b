// Direct convolution without im2col and its two adjoints: what is done to one sample. conv-pass.h runs it over a batch.
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
//
// With few channels a run of kw·C numbers is short, so the kh rows that an output row sees are stacked: plane row h holds, at each
// column, the kh·C numbers of input rows h·stride … h·stride + kh - 1, and a pixel's whole patch is one run.
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
  int64_t patch;      // kh·kw·C
  bool stacked;
  bool direct;        // adjoint to the input by convolution, else by product and scatter

  explicit Geometry(const ConvShape& shape) : s(shape) {
    pixels = s.oh * s.ow;
    patch = s.kh * s.kw * s.c;
    stacked = s.kh > 1 && s.kh * s.c <= 2 * kPlane;
    in.h = s.h, in.w = s.w, in.c = s.c;
    in.rows = stacked ? s.oh : (s.oh - 1) * s.strideH + s.kh, in.columns = (s.ow - 1) * s.strideW + s.kw;
    in.top = s.padTop, in.left = s.padLeft;
    in.count = stacked ? 1 : most(1, ceilDivide(s.c, kPlane));
    const int64_t numbers = stacked ? s.kh * s.c : ceilDivide(s.c, in.count);
    in.width = ceilDivide(numbers, G) * G;
    rows = (stacked ? 1 : s.kh) * s.kw * in.count * in.width / G;

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

  // Calls of dotTile for a sample's forward results in planes.
  int64_t forwardTiles() const { return ceilDivide(pixels, kTilePixels) * ceilDivide(outVectors(), kTileVectors); }
  int64_t outVectors() const { return outPlanes * vectorsPerPlane; }  // of forward results in planes
  int64_t paddedOutputs() const { return outPlanes * kPlane; }
  int64_t backColumns() const { return direct ? s.c : patch; }
  int64_t backVectors() const { return ceilDivide(backColumns(), L); }
  int64_t backPixels() const { return direct ? s.h * s.w : pixels; }
  int64_t outCorner() const { return (out.top * out.columns + out.left) * kPlane; }

  // Row r of the sums of filterSweep is row filterRow(r) of the filter.
  int64_t filterRow(int64_t r) const {
    if (!stacked) return r;
    const int64_t j = r / (s.kh * s.c), i = r / s.c % s.kh;
    return (i * s.kw + j) * s.c + r % s.c;
  }

  // Packed filter × outputs: [kh, plane, kw, channel], stacked [kw, kh, channel].
  void forwardOffsets(int64_t* offsets) const {
    if (stacked) {
      for (int64_t j = 0; j < s.kw; j++)
        for (int64_t k = 0; k < in.width; k++) *offsets++ = k < s.kh * s.c ? filterRow(j * s.kh * s.c + k) * s.o : -1;
      return;
    }
    for (int64_t i = 0; i < s.kh; i++)
      for (int64_t p = 0; p < in.count; p++)
        for (int64_t j = 0; j < s.kw; j++)
          for (int64_t c = p * in.width; c < (p + 1) * in.width; c++)
            *offsets++ = c < s.c ? ((i * s.kw + j) * s.c + c) * s.o : -1;
  }
  int64_t forwardRunCount() const { return stacked ? 1 : s.kh * in.count; }
  int64_t forwardRunLength() const { return s.kw * in.width / G; }
  void forwardRuns(int64_t* runs) const {
    for (int64_t i = 0; i < (stacked ? 1 : s.kh); i++)
      for (int64_t p = 0; p < in.count; p++) *runs++ = (p * in.rows + i) * in.columns * (in.width / G);
  }
  int64_t rowStep() const { return (stacked ? 1 : s.strideH) * in.columns; }  // from one output row to the next
  void forwardPixels(int64_t* offsets) const {
    for (int64_t h = 0; h < s.oh; h++)
      for (int64_t w = 0; w < s.ow; w++) *offsets++ = (h * rowStep() + w * s.strideW) * (in.width / G);
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

  // A sample in the planes `in`; their border must be zero already.
  void loadInput(const T* sample, T* planes) const {
    if (!stacked) return loadPlanes(in, sample, planes);
    const int64_t firstColumn = most(0, -in.left), endColumn = least(s.w, in.columns - in.left), c = s.c;
    for (int64_t h = 0; h < s.oh; h++)
      for (int64_t i = 0; i < s.kh; i++) {
        const int64_t row = h * s.strideH + i - s.padTop;
        if (row < 0 || row >= s.h) continue;
        const T* from = sample + (row * s.w + firstColumn) * c;
        T* to = planes + (h * in.columns + firstColumn + in.left) * in.width + i * c;
        for (int64_t w = firstColumn; w < endColumn; w++, from += c, to += in.width)
          for (int64_t k = 0; k < c; k++) to[k] = from[k];
      }
  }
};

// One sample of x in the forms that the kernels take it: for a plain operand all three are the same.
template <class Operand>
struct InputPlanes {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  T* real = nullptr;
  E* dot = nullptr;    // for dotTile
  E* outer = nullptr;  // for outerTile

  static int64_t slack(const Geometry<Operand>& g) { return Operand::plain ? 0 : g.s.strideW * g.in.width + 2 * kPlane; }
  void take(Pieces& pieces, const Geometry<Operand>& g, bool asDot, bool asOuter) {
    if (!asDot && !asOuter) return;
    real = pieces.take<T>(g.in.size() + slack(g));
    if constexpr (Operand::plain) {
      dot = outer = real;
    } else {
      if (asDot) dot = pieces.take<E>(g.in.size() / Operand::group + 2 * kPlane);
      if (asOuter) outer = pieces.take<E>(g.in.size() + 2 * kPlane);
    }
  }
  void clear(const Geometry<Operand>& g) const {
    if (real) zero(real, g.in.size() + slack(g));
  }
  void load(const Geometry<Operand>& g, const T* sample) const {
    if (!real) return;
    g.loadInput(sample, real);
    if constexpr (!Operand::plain) {
      if (dot) Operand::pairNeighbours(real, g.in.size(), dot);
      if (outer) Operand::pairApart(real, g.s.strideW * g.in.width, g.in.size(), outer);
    }
  }
};

// dy or du of one sample (or some of its planes) in the forms that the kernels take it.
template <class Operand>
struct OutputPlanes {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  T* real = nullptr;   // [count, rows, columns, kPlane]
  E* dot = nullptr;
  E* outer = nullptr;  // real, or [count, oh, pairs of columns, kPlane]
  int64_t row = 0, plane = 0, corner = 0;  // of real: to the next row, to the next plane, to pixel (0, 0)
  int64_t outerRow = 0, outerPlane = 0;

  void take(Pieces& pieces, const ConvShape& s, const Planes& layout, int64_t count, bool asDot, bool asOuter) {
    row = layout.columns * kPlane, plane = layout.plane(), corner = (layout.top * layout.columns + layout.left) * kPlane;
    real = pieces.take<T>(count * plane);
    outerRow = row, outerPlane = plane;
    if constexpr (Operand::plain) {
      dot = real;
      outer = real + corner;
    } else {
      outerRow = ceilDivide(s.ow, Operand::group) * kPlane, outerPlane = s.oh * outerRow;
      if (asDot) dot = pieces.take<E>(count * plane / Operand::group + 2 * kPlane);
      if (asOuter) outer = pieces.take<E>(count * outerPlane);
    }
  }
  void clear(int64_t count) const {
    if (real) zero(real, count * plane);
  }
  // To be called when planes [first, first + count) of `real` are complete.
  void convert(const ConvShape& s, int64_t first, int64_t count) const {
    if constexpr (!Operand::plain) {
      if (dot) Operand::pairNeighbours(real + first * plane, count * plane, dot + first * plane / Operand::group);
      if (!outer) return;
      for (int64_t p = first; p < first + count; p++)
        for (int64_t h = 0; h < s.oh; h++)
          Operand::pairRow(real + p * plane + corner + h * row, s.ow, outer + p * outerPlane + h * outerRow);
    } else {
      (void)s, (void)first, (void)count;
    }
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
