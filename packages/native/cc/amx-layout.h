// Where the operands of tiles lie, so that the rows of every tile are equally far apart.
#pragma once
#include "amx-round.h"
#include "conv-geometry.h"

namespace limbeck {
namespace LIMBECK_NS {

// An image under a filter, the left operand of a convolution: for each output pixel the kh·kw·c numbers that it sees, in steps of 32.
//
// Lines: planes of 32 channels in which neighbouring output pixels are one row of a tile apart. Where an output row fills its tiles,
// a plane is the padded image as it is, and a tap is a shift of it. Else there is a copy for each tap of a filter row, of
// output width, so that an output row follows the one before without a gap and tiles run on from row to row.
// Patches: with few channels each pixel's numbers are written out one after another.
struct DotLayout {
  int64_t h, w, c, kh, kw, strideH, strideW, top, left, oh, ow;
  int64_t rows, columns;  // of the padded image
  bool patches;
  int64_t steps;
  int64_t planes, copies, phases, lines, line;  // of lines: [planes][copies][phases][lines][line][32]; a phase is a padded row modulo strideH
  int64_t pixel;                                // elements from one output pixel to the next in its row

  static constexpr int64_t kMostPatches = int64_t(1) << 22;  // bytes

  DotLayout() = default;
  // `image` says size, channels and padding.
  DotLayout(const Planes& image, int64_t filterH, int64_t filterW, int64_t stepH, int64_t stepW, int64_t outH, int64_t outW)
      : h(image.h), w(image.w), c(image.c), kh(filterH), kw(filterW), strideH(stepH), strideW(stepW), top(image.top), left(image.left),
        oh(outH), ow(outW) {
    rows = (oh - 1) * strideH + kh, columns = (ow - 1) * strideW + kw;
    planes = ceilDivide(c, kRowNumbers);
    steps = kh * kw * planes;
    const int64_t patchSteps = ceilDivide(kh * kw * c, kRowNumbers);
    patches = c <= kRowNumbers && 3 * patchSteps <= 2 * steps && oh * ow * patchSteps * 64 <= kMostPatches;
    if (patches) steps = patchSteps;
    const bool whole = kw == 1 || ow % kTileRows == 0 || ow > 6 * kTileRows;
    const bool shifted = !(strideW == 1 && whole);
    copies = shifted ? kw : 1;
    phases = strideH;
    lines = ceilDivide(rows, phases);
    line = shifted ? ow : columns;
    pixel = patches ? steps * kRow : kRow;
  }

  static DotLayout forward(const ConvShape& s) {
    Planes image{};
    image.h = s.h, image.w = s.w, image.c = s.c, image.top = s.padTop, image.left = s.padLeft;
    return DotLayout(image, s.kh, s.kw, s.strideH, s.strideW, s.oh, s.ow);
  }
  // Of dy: its convolution with the flipped filter, or where the adjoint is not direct its product with the filters.
  template <class Operand>
  static DotLayout adjoint(const Geometry<Operand>& g) {
    if (!g.direct) return DotLayout(g.out, 1, 1, 1, 1, g.s.oh, g.s.ow);
    return DotLayout(g.out, g.s.kh, g.s.kw, 1, 1, g.s.h, g.s.w);
  }

  int64_t packedRows() const { return steps * kRow; }
  int64_t lineElements(int64_t planeCount) const { return planeCount * copies * phases * lines * line * kRow; }
  // Tiles at the end reach up to 15 pixels further.
  int64_t elements(int64_t planeCount) const {
    return (patches ? oh * ow * pixel : lineElements(planeCount)) + kTileRows * pixel;
  }
  int64_t paddedNumbers() const { return patches ? rows * columns * c + kRowNumbers : 0; }

  // Output pixels from `first`, at most `count`, that a tile can take together, and where they start.
  int64_t together(int64_t first, int64_t count) const {
    const int64_t most = least(count, kTileRows);
    return patches || line == ow ? most : least(most, ow - first % ow);
  }
  int64_t at(int64_t first) const { return patches || line == ow ? first * pixel : (first / ow * line + first % ow) * kRow; }

  void stepOffsets(int64_t* offsets) const {
    if (patches) {
      for (int64_t k = 0; k < steps; k++) *offsets++ = k * kRow;
      return;
    }
    for (int64_t i = 0; i < kh; i++)
      for (int64_t p = 0; p < planes; p++)
        for (int64_t j = 0; j < kw; j++) *offsets++ = lineStart(p, copies > 1 ? j : 0, i) + (copies > 1 ? 0 : j * kRow);
  }

  // Where padded row `row` of a copy of a plane starts.
  int64_t lineStart(int64_t plane, int64_t copy, int64_t row) const {
    return (((plane * copies + copy) * phases + row % phases) * lines + row / phases) * line * kRow;
  }

  // offset(i, j, c) of each number in the order of the steps, -1 between the last channel and the end of its step.
  template <class F>
  void numberOffsets(int64_t* offsets, const F& offset) const {
    if (patches) {
      for (int64_t k = 0; k < steps * kRowNumbers; k++)
        *offsets++ = k < kh * kw * c ? offset(k / (kw * c), k / c % kw, k % c) : -1;
      return;
    }
    for (int64_t i = 0; i < kh; i++)
      for (int64_t p = 0; p < planes; p++)
        for (int64_t j = 0; j < kw; j++)
          for (int64_t k = p * kRowNumbers; k < (p + 1) * kRowNumbers; k++) *offsets++ = k < c ? offset(i, j, k) : -1;
  }

  // What of the image an output pixel sees.
  int64_t firstRow() const { return most(0, -top); }
  int64_t endRow() const { return least(h, rows - top); }
  int64_t firstColumn() const { return most(0, -left); }
  int64_t endColumn() const { return most(firstColumn(), least(w, columns - left)); }

  // Row r of planes [first, end) of lines; at(column, plane) gives 32 channels. The border must be zero already.
  template <class At>
  void fillLines(int64_t r, int64_t first, int64_t end, uint32_t* to, const At& at) const {
    for (int64_t p = first; p < end; p++)
      for (int64_t j = 0; j < copies; j++) {
        const int64_t begin = ceilDivide(most(0, left - j), strideW);
        const int64_t past = least(line, w + left - j > 0 ? ceilDivide(w + left - j, strideW) : 0);
        uint32_t* out = to + lineStart(p, j, r + top);
        for (int64_t x = begin; x < past; x++) store(out + x * kRow, at(x * strideW + j - left, p));
      }
  }

  // Where a pixel of the image goes in the padded image of patches.
  int64_t paddedAt(int64_t row, int64_t column) const { return ((row + top) * columns + column + left) * c; }

  // Patches from the padded image.
  void fillPatches(const uint16_t* padded, uint32_t* to) const {
    constexpr int64_t wide = 16;
    uint16_t* out = reinterpret_cast<uint16_t*>(to);
    const int64_t run = kw * c, patch = kh * run, whole = steps * kRowNumbers;
    for (int64_t y = 0; y < oh; y++)
      for (int64_t x = 0; x < ow; x++, out += whole) {
        const uint16_t* corner = padded + (y * strideH * columns + x * strideW) * c;
        // What a run's last copy writes too much is written over by what follows it.
        for (int64_t i = 0; i < kh; i++)
          for (int64_t k = 0; k < run; k += wide) __builtin_memcpy(out + i * run + k, corner + i * columns * c + k, wide * sizeof(uint16_t));
        for (int64_t k = patch; k < whole; k++) out[k] = 0;
      }
  }
};

// Both operands of the filter gradient, reduced over output pixels in steps of 32 of them: the pixels of an output row in pairs
// (an odd row gets one more, zero in dy), row after row. On the left dy, [planes of 16 outputs][steps][16 outputs][32 pixels]. On the
// right the image, [tiles of 16 numbers of a patch][...][pairs of pixels][16 numbers][2]: for every plane of 16 channels a copy
// for each tap of a filter row, or the patches.
struct OuterLayout {
  DotLayout image;
  int64_t half;    // pairs in an output row
  int64_t steps;
  int64_t planes;  // of 16 channels, or of 16 numbers of a patch
  int64_t tiles;

  explicit OuterLayout(const DotLayout& layout) : image(layout) {
    half = ceilDivide(image.ow, 2);
    steps = ceilDivide(image.oh * half, kRow);
    planes = ceilDivide(image.patches ? image.kh * image.kw * image.c : image.c, kPlane);
    tiles = image.patches ? planes : planes * image.kh * image.kw;
  }

  int64_t leftPlane() const { return steps * kTileElements; }
  // The last step reaches up to 15 pairs further than the image, where dy is zero.
  int64_t elements() const {
    return (image.patches ? planes * leftPlane() : planes * image.kw * image.phases * image.lines * half * kRow) + kTileElements;
  }
  int64_t lineStart(int64_t plane, int64_t copy, int64_t row) const {
    return (((plane * image.kw + copy) * image.phases + row % image.phases) * image.lines + row / image.phases) * half * kRow;
  }

  // Tile t, in an order in which those that see the same numbers follow each other: where it starts, its first row of the filter, and how
  // many of its 16 numbers are there.
  struct Right {
    int64_t start, row, count;
  };
  Right right(int64_t t) const {
    if (image.patches) return {t * leftPlane(), t * kPlane, least(kPlane, image.kh * image.kw * image.c - t * kPlane)};
    const int64_t i = t % image.kh, j = t / image.kh % image.kw, p = t / image.kh / image.kw;
    return {lineStart(p, j, i), (i * image.kw + j) * image.c + p * kPlane, least(kPlane, image.c - p * kPlane)};
  }

  // One plane of dy; at(h, w) gives 16 outputs.
  template <class At>
  void fillLeft(uint32_t* to, const At& at) const {
    int64_t y = 0, x = 0;  // of the next pair
    for (int64_t k = 0; k < steps; k++, to += kTileElements) {
      Vector<uint32_t> pairs[kTileRows];
      for (int64_t i = 0; i < kTileRows; i++) {
        pairs[i] = y < image.oh ? roundPairs(at(y, x), x + 1 < image.ow ? at(y, x + 1) : zeros<float>()) : zeros<uint32_t>();
        x += 2;
        if (x >= image.ow) x = 0, y++;
      }
      transposeTile(pairs, to);
    }
  }

  // Row r of the image; at(column, plane) gives 16 channels. The border must be zero already.
  template <class At>
  void fillLines(int64_t r, uint32_t* to, const At& at) const {
    const int64_t stride = image.strideW, w = image.w, left = image.left;
    // Without a stride the pairs of copy j are those of copy j - 2, one further.
    const int64_t sharing = stride == 1 ? 2 : image.kw;
    for (int64_t p = 0; p < planes; p++)
      for (int64_t first = 0; first < least(sharing, image.kw); first++) {
        const int64_t copies = ceilDivide(image.kw - first, sharing);
        uint32_t* out = to + lineStart(p, first, r + image.top);
        const int64_t apart = lineStart(p, first + sharing, 0) - lineStart(p, first, 0);
        for (int64_t q = 0; q < half + copies - 1; q++) {
          const int64_t one = 2 * q * stride + first - left, two = one + stride;
          const bool hasOne = one >= 0 && one < w, hasTwo = two >= 0 && two < w;
          if (!hasOne && !hasTwo) continue;
          const Vector<uint32_t> pair = roundPairs(hasOne ? at(one, p) : zeros<float>(), hasTwo ? at(two, p) : zeros<float>());
          for (int64_t k = 0; k < copies; k++)
            if (q >= k && q - k < half) store(out + k * apart + (q - k) * kRow, 2 * (q - k) + 1 < image.ow ? pair : pair & 0xffffu);
        }
      }
  }
  // From the patches of the same image.
  void fillPatches(const uint32_t* patches, uint32_t* to) const {
    const auto numbers = [&](int64_t y, int64_t x, int64_t p) LIMBECK_LAMBDA_INLINE {
      Halves v;
      __builtin_memcpy(&v, patches + (y * image.ow + x) * image.pixel + p * kPlane / 2, sizeof v);
      return __builtin_convertvector(v, Vector<uint32_t>);
    };
    for (int64_t p = 0; p < planes; p++) {
      uint32_t* out = to + p * leftPlane();
      for (int64_t y = 0; y < image.oh; y++)
        for (int64_t x = 0; x < image.ow; x += 2, out += kRow) {
          const Vector<uint32_t> first = numbers(y, x, p);
          store(out, x + 1 < image.ow ? first | (numbers(y, x + 1, p) << 16) : first);
        }
    }
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
