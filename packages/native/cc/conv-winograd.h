// Winograd's minimal filtering for 3×3 convolutions of stride 1: a tile of 4×4 outputs from 6×6 inputs costs 36 products a pair
// of channels instead of 144.
//
//     y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ x B) ] A          products summed over input channels
//     dw = Gᵀ [ Σ (Bᵀ x B) ⊙ (A dy Aᵀ) ] G      its adjoint in w, summed over tiles
//
// Points 0, ±1, ±2, ∞. The products of one point of all tiles of a band are a matrix product, made by the register kernels of
// conv-tile.h. The transforms read and write the caller's arrays or a block's planes where they lie; what is outside them is zero.
// Reference: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), sections 4 and 5.
#pragma once
#include "conv-pack.h"
#include "conv.h"

namespace limbeck {
namespace LIMBECK_NS {

constexpr int kTileSide = 4;                       // outputs of a tile, each way
constexpr int kPatchSide = kTileSide + 2;          // inputs of it
constexpr int kPoints = kPatchSide * kPatchSide;
// Tiles worked on together, a band: enough that transformed filters, which come from afar, are used often, few enough that the
// transformed inputs stay near. A pass with one set of filters wants fewer than one with two to five.
constexpr int64_t kShortBand = 32, kLongBand = 64;

// ---- one dimension of each transform, on vectors `step` apart -----------------------------------------------------------

// Bᵀ x: 6 from 6.
template <class V>
LIMBECK_INLINE void transformPatch(const V* x, int step, V* out, int outStep) {
  const V x0 = x[0], x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step], x5 = x[5 * step];
  const V a = x4 - x2 * 4, b = x3 - x1 * 4, c = x4 - x2, d = (x3 - x1) * 2;
  out[0] = (x0 - x2) * 4 + c;
  out[outStep] = a + b;
  out[2 * outStep] = a - b;
  out[3 * outStep] = c + d;
  out[4 * outStep] = c - d;
  out[5 * outStep] = (x1 - x3) * 4 + (x5 - x3);
}

// Aᵀ m: 4 from 6.
template <class V>
LIMBECK_INLINE void transformProducts(const V* m, int step, V* out, int outStep) {
  const V a = m[step] + m[2 * step], b = m[step] - m[2 * step];
  const V c = m[3 * step] + m[4 * step], d = m[3 * step] - m[4 * step];
  out[0] = m[0] + a + c;
  out[outStep] = b + d * 2;
  out[2 * outStep] = a + c * 4;
  out[3 * outStep] = b + d * 8 + m[5 * step];
}

// A dy: 6 from 4.
template <class V>
LIMBECK_INLINE void transformTile(const V* y, int step, V* out, int outStep) {
  const V y0 = y[0], y1 = y[step], y2 = y[2 * step], y3 = y[3 * step];
  const V even = y0 + y2, odd = y1 + y3, even2 = y0 + y2 * 4, odd2 = y1 * 2 + y3 * 8;
  out[0] = y0;
  out[outStep] = even + odd;
  out[2 * outStep] = even - odd;
  out[3 * outStep] = even2 + odd2;
  out[4 * outStep] = even2 - odd2;
  out[5 * outStep] = y3;
}

// G w: 6 from 3.
template <class T, class V>
LIMBECK_INLINE void transformFilter(const V* w, int step, V* out, int outStep) {
  const V even = (w[0] + w[2 * step]) * (T(-1) / 6), odd = w[step] * (T(-1) / 6);
  const V even2 = w[0] * (T(1) / 24) + w[2 * step] * (T(1) / 6), odd2 = w[step] * (T(1) / 12);
  out[0] = w[0] * T(0.25);
  out[outStep] = even + odd;
  out[2 * outStep] = even - odd;
  out[3 * outStep] = even2 + odd2;
  out[4 * outStep] = even2 - odd2;
  out[5 * outStep] = w[2 * step];
}

// Gᵀ u: 3 from 6.
template <class T, class V>
LIMBECK_INLINE void transformSums(const V* u, int step, V* out, int outStep) {
  const V sum1 = u[step] + u[2 * step], difference1 = u[step] - u[2 * step];
  const V sum2 = u[3 * step] + u[4 * step], difference2 = u[3 * step] - u[4 * step];
  out[0] = u[0] * T(0.25) - sum1 * (T(1) / 6) + sum2 * (T(1) / 24);
  out[outStep] = difference2 * (T(1) / 12) - difference1 * (T(1) / 6);
  out[2 * outStep] = (sum2 - sum1) * (T(1) / 6) + u[5 * step];
}

// ---- where pixels lie ----------------------------------------------------------------------------------------------------

// Samples of rows × columns pixels, by the steps from one sample, row, column or plane of kPlane channels to the next.
template <class T>
struct Raster {
  T* base;
  int64_t rows, columns;
  int64_t sample, row, column, plane;

  LIMBECK_INLINE int64_t channel(int64_t c) const { return c / kPlane * plane + c % kPlane; }
};

template <class T>
Raster<T> denseRaster(T* base, int64_t rows, int64_t columns, int64_t channels) {
  return {base, rows, columns, rows * columns * channels, columns * channels, channels, kPlane};
}
// Planes [.., rows, columns, kPlane], samples `sample` numbers apart.
template <class T>
Raster<T> planeRaster(T* base, int64_t rows, int64_t columns, int64_t sample) {
  return {base, rows, columns, sample, columns * kPlane, kPlane, rows * columns * kPlane};
}

// ---- filters -------------------------------------------------------------------------------------------------------------

// Transformed filters as operands of dotTile: for each point panels of kTileVectors vectors of columns, each [rows][its columns].
// Of the forward pass rows are input channels; of the adjoint to the input they are outputs, and the taps are turned around.
// From one point's numbers to the next point's there is a cache line more than they take, here and for the tiles below: the
// points of one number would otherwise meet in one set of the cache.
inline int64_t filterPoint(int64_t c, int64_t o) { return c * o + 16; }
inline int64_t winogradFilterSize(int64_t c, int64_t o) { return kPoints * filterPoint(c, o); }

template <class T>
void winogradFilter(int64_t c, int64_t o, const T* filter, bool adjoint, T* packed) {
  using V = Vector<T>;
  constexpr int L = kLanes<T>;
  const int64_t rows = adjoint ? o : c, columns = adjoint ? c : o, vectors = columns / L;
  parallel(rows, ceilDivide(2048, columns), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++)
      for (int64_t vector = 0; vector < vectors; vector++) {
        V w[9], half[kPatchSide * 3];
        for (int k = 0; k < 9; k++) {
          const T* tap = filter + (adjoint ? 8 - k : k) * c * o;
          if (adjoint) {
            T lanes[L];
            for (int i = 0; i < L; i++) lanes[i] = tap[(vector * L + i) * o + row];
            w[k] = load(lanes);
          } else {
            w[k] = load(tap + row * o + vector * L);
          }
        }
        LIMBECK_UNROLL
        for (int k = 0; k < 3; k++) transformFilter<T>(w + k, 3, half + k, 3);
        const int64_t first = vector / kTileVectors * kTileVectors, wide = least(kTileVectors, vectors - first) * L;
        T* to = packed + rows * first * L + row * wide + (vector - first) * L;
        LIMBECK_UNROLL
        for (int r = 0; r < kPatchSide; r++) {
          V line[kPatchSide];
          transformFilter<T>(half + 3 * r, 1, line, 1);
          LIMBECK_UNROLL
          for (int k = 0; k < kPatchSide; k++) store(to + (r * kPatchSide + k) * filterPoint(c, o), line[k]);
        }
      }
  });
}

// dfilter from the sums [parts][point][c][o], in the order of the parts.
template <class T>
void winogradFilterGradient(int64_t c, int64_t o, const T* sums, int64_t parts, T* dfilter) {
  using V = Vector<T>;
  const int64_t point = filterPoint(c, o);
  parallel(c, ceilDivide(2048, o), [&](int64_t begin, int64_t end, int) {
    for (int64_t at = begin * o; at < end * o; at += kLanes<T>) {
      V u[kPoints], half[3 * kPatchSide];
      for (int k = 0; k < kPoints; k++) {
        u[k] = load(sums + k * point + at);
        for (int64_t t = 1; t < parts; t++) u[k] += load(sums + (t * kPoints + k) * point + at);
      }
      LIMBECK_UNROLL
      for (int k = 0; k < kPatchSide; k++) transformSums<T>(u + k, kPatchSide, half + k, kPatchSide);
      LIMBECK_UNROLL
      for (int r = 0; r < 3; r++) {
        V line[3];
        transformSums<T>(half + kPatchSide * r, 1, line, 1);
        LIMBECK_UNROLL
        for (int k = 0; k < 3; k++) store(dfilter + (3 * r + k) * c * o + at, line[k]);
      }
    }
  });
}

// From one point's numbers of `count` tiles to the next point's.
inline int64_t tilePoint(int64_t count, int64_t channels) { return count * channels + 16; }

// A thread's transformed band: of inputs, of output gradients, and the products of a panel of outputs.
template <class T>
struct WinogradSpace {
  T *inputs = nullptr, *gradients = nullptr, *products = nullptr;
  Ahead* ahead = nullptr;  // what is fetched meanwhile
};

// ---- tiles ---------------------------------------------------------------------------------------------------------------

// The tiles of a convolution's samples, or of its adjoint to the input's, numbered through the batch.
template <class T>
struct Winograd {
  using V = Vector<T>;
  static constexpr int L = kLanes<T>;

  int64_t inputs, outputs;  // channels
  int64_t top, left;        // zeros before the first row and column
  int64_t tilesY, tilesX;
  int64_t band;             // most tiles together

  static Winograd forward(const ConvShape& s, int64_t band) {
    return {s.c, s.o, s.padTop, s.padLeft, ceilDivide(s.oh, kTileSide), ceilDivide(s.ow, kTileSide), band};
  }
  static Winograd adjoint(const ConvShape& s, int64_t band) {
    return {s.o, s.c, 2 - s.padTop, 2 - s.padLeft, ceilDivide(s.h, kTileSide), ceilDivide(s.w, kTileSide), band};
  }

  int64_t tiles() const { return tilesY * tilesX; }  // of a sample
  static const Tiles<Plain<T>>& registerKernels() { return limbeck::LIMBECK_NS::tiles<Plain<T>>(); }

  int64_t bandSize(int64_t channels) const { return kPoints * tilePoint(band, channels); }
  // For sums over `terms` inputs, and over as many output gradients; good for the adjoint too.
  void take(Pieces& pieces, WinogradSpace<T>& space, int64_t terms, bool filterGradient) const {
    space.inputs = pieces.take<T>(terms * bandSize(most(inputs, outputs)));
    space.gradients = pieces.take<T>(filterGradient ? terms * bandSize(outputs) : 0);
    space.products = pieces.take<T>(bandSize(kTileVectors * L));
  }

  // Calls of register kernels in `convolve` and `filterSums`, for all outputs and one term.
  int64_t steps(int64_t count) const { return kPoints * ceilDivide(count, kTilePixels) * ceilDivide(outputs / L, kTileVectors); }
  int64_t filterSteps(int64_t count) const {
    return ceilDivide(count, band) * kPoints * ceilDivide(inputs, kTilePixels) * ceilDivide(outputs / L, kTileVectors);
  }

  struct Place {
    int64_t sample, y, x;
  };
  Place placeOf(int64_t tile) const {
    const int64_t inSample = tile % tiles();
    return {tile / tiles(), inSample / tilesX, inSample % tilesX};
  }

  // to[point][tile][inputs] = Bᵀ x B
  void patches(const Raster<const T>& x, int64_t first, int64_t count, T* to) const {
    const int64_t step = tilePoint(count, inputs);
    for (int64_t i = 0; i < count; i++) {
      const Place at = placeOf(first + i);
      const int64_t row = at.y * kTileSide - top, column = at.x * kTileSide - left;
      const T* from = x.base + at.sample * x.sample + row * x.row + column * x.column;
      if (row >= 0 && column >= 0 && row + kPatchSide <= x.rows && column + kPatchSide <= x.columns) {
        for (int64_t c = 0; c < inputs; c += L)
          patch(to + i * inputs + c, step, [&](int r, int k) LIMBECK_LAMBDA_INLINE {
            return load(from + x.channel(c) + r * x.row + k * x.column);
          });
      } else {
        bool inside[kPoints];
        for (int r = 0; r < kPatchSide; r++)
          for (int k = 0; k < kPatchSide; k++)
            inside[r * kPatchSide + k] = row + r >= 0 && row + r < x.rows && column + k >= 0 && column + k < x.columns;
        for (int64_t c = 0; c < inputs; c += L)
          patch(to + i * inputs + c, step, [&](int r, int k) LIMBECK_LAMBDA_INLINE {
            return inside[r * kPatchSide + k] ? load(from + x.channel(c) + r * x.row + k * x.column) : zeros<T>();
          });
      }
    }
  }

  template <class Load>
  static LIMBECK_INLINE void patch(T* to, int64_t step, const Load& at) {
    V half[kPoints];
    LIMBECK_UNROLL
    for (int k = 0; k < kPatchSide; k++) {
      V line[kPatchSide];
      LIMBECK_UNROLL
      for (int r = 0; r < kPatchSide; r++) line[r] = at(r, k);
      transformPatch(line, 1, half + k, kPatchSide);
    }
    LIMBECK_UNROLL
    for (int r = 0; r < kPatchSide; r++) {
      V line[kPatchSide];
      transformPatch(half + r * kPatchSide, 1, line, 1);
      LIMBECK_UNROLL
      for (int k = 0; k < kPatchSide; k++) store(to + (r * kPatchSide + k) * step, line[k]);
    }
  }

  // to[point][tile][outputs] = A dy Aᵀ
  void outputPatches(const Raster<const T>& dy, int64_t first, int64_t count, T* to) const {
    const int64_t step = tilePoint(count, outputs);
    for (int64_t i = 0; i < count; i++) {
      const Place at = placeOf(first + i);
      const int64_t row = at.y * kTileSide, column = at.x * kTileSide;
      const int64_t rows = dy.rows - row, columns = dy.columns - column;
      const T* from = dy.base + at.sample * dy.sample + row * dy.row + column * dy.column;
      for (int64_t c = 0; c < outputs; c += L) {
        const T* pixel = from + dy.channel(c);
        T* out = to + i * outputs + c;
        V half[kPatchSide * kTileSide];
        LIMBECK_UNROLL
        for (int k = 0; k < kTileSide; k++) {
          V line[kTileSide];
          LIMBECK_UNROLL
          for (int r = 0; r < kTileSide; r++) line[r] = r < rows && k < columns ? load(pixel + r * dy.row + k * dy.column) : zeros<T>();
          transformTile(line, 1, half + k, kTileSide);
        }
        LIMBECK_UNROLL
        for (int r = 0; r < kPatchSide; r++) {
          V line[kPatchSide];
          transformTile(half + r * kTileSide, 1, line, 1);
          LIMBECK_UNROLL
          for (int k = 0; k < kPatchSide; k++) store(out + (r * kPatchSide + k) * step, line[k]);
        }
      }
    }
  }

  // y = Aᵀ m A (+ start) for `vectors` vectors of outputs from vector `vector` on; m [point][tile][vectors].
  void finish(const T* m, int64_t first, int64_t count, int64_t vector, int64_t vectors, const T* start, const Raster<T>& y) const {
    const int64_t wide = vectors * L, step = tilePoint(count, wide);
    for (int64_t i = 0; i < count; i++) {
      const Place at = placeOf(first + i);
      const int64_t row = at.y * kTileSide, column = at.x * kTileSide;
      const int64_t rows = y.rows - row, columns = y.columns - column;
      T* to = y.base + at.sample * y.sample + row * y.row + column * y.column;
      for (int64_t v = 0; v < vectors; v++) {
        const T* from = m + i * wide + v * L;
        const int64_t c = (vector + v) * L;
        T* pixel = to + y.channel(c);
        const V added = start ? load(start + c) : zeros<T>();
        V half[kTileSide * kPatchSide];
        LIMBECK_UNROLL
        for (int k = 0; k < kPatchSide; k++) {
          V line[kPatchSide];
          LIMBECK_UNROLL
          for (int r = 0; r < kPatchSide; r++) line[r] = load(from + (r * kPatchSide + k) * step);
          transformProducts(line, 1, half + k, kPatchSide);
        }
        LIMBECK_UNROLL
        for (int r = 0; r < kTileSide; r++) {
          V line[kTileSide];
          transformProducts(half + r * kPatchSide, 1, line, 1);
          LIMBECK_UNROLL
          for (int k = 0; k < kTileSide; k++)
            if (r < rows && k < columns) store(pixel + r * y.row + k * y.column, line[k] + added);
        }
      }
    }
  }

  // ---- products ----------------------------------------------------------------------------------------------------------

  // An input and the transformed filters that it meets.
  struct Term {
    Raster<const T> x;
    const T* packed;
  };

  // Vectors [firstVector, endVector) of outputs of tiles [first, end) = the sum of the convolutions of `count` terms, + start.
  // firstVector starts a panel.
  void convolve(const Term* terms, int count, const T* start, int64_t first, int64_t end, int64_t firstVector, int64_t endVector,
                const Raster<T>& y, const WinogradSpace<T>& space) const {
    const int64_t bands = ceilDivide(end - first, band);
    for (int64_t b = 0; b < bands; b++) {
      const int64_t tile = first + b * (end - first) / bands, here = first + (b + 1) * (end - first) / bands - tile;
      for (int k = 0; k < count; k++) patches(terms[k].x, tile, here, space.inputs + k * bandSize(inputs));
      for (int64_t vector = firstVector; vector < endVector; vector += kTileVectors) {
        const int64_t vectors = least(kTileVectors, endVector - vector);
        for (int k = 0; k < count; k++)
          multiply(space.inputs + k * bandSize(inputs), terms[k].packed + inputs * vector * L, here, vectors, k > 0, space);
        finish(space.products, tile, here, vector, vectors, start, y);
      }
    }
  }

  // space.products[point] (+)= from[point] [tiles][inputs] · packed[point] [inputs][a panel]
  void multiply(const T* from, const T* packed, int64_t count, int64_t vectors, bool accumulate, const WinogradSpace<T>& space) const {
    static constexpr int64_t none = 0;
    const int64_t wide = vectors * L, fromStep = tilePoint(count, inputs), step = tilePoint(count, wide);
    const TileCut cut(count);
    const T* rows[kTilePixels];
    DotArguments<Plain<T>> t{rows, &none, 1, inputs, nullptr, nullptr, nullptr, wide, L, accumulate};
    for (int point = 0; point < kPoints; point++) {
      t.w = packed + point * filterPoint(inputs, outputs);
      for (int64_t part = 0; part < cut.parts; part++) {
        const int64_t tile = cut.begin(part), here = cut.begin(part + 1) - tile;
        for (int64_t p = 0; p < here; p++) rows[p] = from + point * fromStep + (tile + p) * inputs;
        t.out = space.products + point * step + tile * wide;
        if (space.ahead) space.ahead->step();
        registerKernels().dot[vectors - 1][here - 1](t);
      }
    }
  }

  // An input and the gradient of the output that it meets.
  struct Pair {
    Raster<const T> x, dy;
  };

  // sums [point][inputs][outputs] (+)= what tiles [first, end) of `count` pairs, 1 or 2, give to the transformed filters.
  void filterSums(const Pair* pairs, int count, int64_t first, int64_t end, bool accumulate, T* sums,
                  const WinogradSpace<T>& space) const {
    const int64_t bands = ceilDivide(end - first, band), vectors = outputs / L;
    const TileCut cut(inputs);
    for (int64_t b = 0; b < bands; b++) {
      const int64_t tile = first + b * (end - first) / bands, here = first + (b + 1) * (end - first) / bands - tile;
      for (int k = 0; k < count; k++) {
        patches(pairs[k].x, tile, here, space.inputs + k * bandSize(inputs));
        outputPatches(pairs[k].dy, tile, here, space.gradients + k * bandSize(outputs));
      }
      OuterArguments<Plain<T>> t{};
      t.xRow = bandSize(inputs), t.xStep = inputs;
      t.bRow = bandSize(outputs), t.bStep = outputs, t.bVector = L;
      t.rows = count, t.columns = here, t.outRow = outputs;
      t.accumulate = accumulate || b > 0;
      for (int point = 0; point < kPoints; point++)
        for (int64_t vector = 0; vector < vectors; vector += kTileVectors) {
          t.b = space.gradients + point * tilePoint(here, outputs) + vector * L;
          const int64_t wide = least(kTileVectors, vectors - vector);
          for (int64_t part = 0; part < cut.parts; part++) {
            const int64_t c = cut.begin(part);
            t.x = space.inputs + point * tilePoint(here, inputs) + c;
            if (space.ahead) space.ahead->step();
            t.out = sums + point * filterPoint(inputs, outputs) + c * outputs + vector * L;
            registerKernels().outer[wide - 1][cut.begin(part + 1) - c - 1](t);
          }
        }
    }
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
