// Where the numbers of a convolution lie: padded planes of a sample, offsets of pixels, runs and filter rows, and one sample's
// tensors in the forms that the register kernels take.
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
  bool winograd;      // minimal filtering: of the rest only the sizes count

  Geometry(const ConvShape& shape, bool allowWinograd) : s(shape) {
    winograd = allowWinograd && Operand::plain && fitsWinograd(s);
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

}  // namespace LIMBECK_NS
}  // namespace limbeck
