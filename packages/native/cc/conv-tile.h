// The two register kernels that every convolution and matrix product is made of, templates over the operand type.
//
// dotTile    out[p][o] (+)= Σ_k x_p[k]·w[k][o]        P rows of scattered x, K in contiguous runs, packed w
// outerTile  out[p][o] (+)= Σ_q x[q][p]·b[q][o]       reduction over pixels q: both operands walk with a fixed step
//
// `Operand` says what is multiplied: Plain<T> one number a step, or (conv-bfloat16.h) a pair of bfloat16 numbers a step.
#pragma once
#include "conv-vector.h"

namespace limbeck {
namespace LIMBECK_NS {

template <class T>
struct Plain {
  using Real = T;     // of the tensors and the sums
  using Element = T;  // what one multiplication step takes from each side
  static constexpr int group = 1;  // numbers in an Element
  static constexpr bool plain = true;

  static LIMBECK_INLINE Vector<T> multiplyAdd(Vector<T> sum, Element a, Vector<T> b) { return sum + splat<T>(a) * b; }
};

template <class Operand>
struct DotArguments {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  const E* const* x;      // P pointers
  const int64_t* runs;    // offset of each run from them
  int64_t runCount, runLength;
  const E* w;             // [runCount·runLength][V·lanes]
  const T* start;         // [V·lanes] first value of the sums; null: 0. Ignored when accumulating.
  T* out;
  int64_t outPixel;       // from one pixel's output to the next
  int64_t outVector;      // from one vector of outputs to the next
  bool accumulate;
};

template <class Operand, int P, int V>
void dotTile(const DotArguments<Operand>& t) {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  constexpr int L = kLanes<T>;
  Vector<T> sum[P][V];
  if (t.accumulate) {
    LIMBECK_UNROLL
    for (int p = 0; p < P; p++)
      LIMBECK_UNROLL
      for (int v = 0; v < V; v++) sum[p][v] = load(t.out + p * t.outPixel + v * t.outVector);
  } else {
    LIMBECK_UNROLL
    for (int v = 0; v < V; v++) {
      const Vector<T> first = t.start ? load(t.start + v * L) : zeros<T>();
      LIMBECK_UNROLL
      for (int p = 0; p < P; p++) sum[p][v] = first;
    }
  }
  const E* w = t.w;
  for (int64_t r = 0; r < t.runCount; r++) {
    const int64_t offset = t.runs[r];
    const E* x[P];
    LIMBECK_UNROLL
    for (int p = 0; p < P; p++) x[p] = t.x[p] + offset;
    for (int64_t k = 0; k < t.runLength; k++) {
      Vector<E> b[V];
      LIMBECK_UNROLL
      for (int v = 0; v < V; v++) b[v] = load(w + v * L);
      LIMBECK_UNROLL
      for (int p = 0; p < P; p++) {
        const E a = x[p][k];
        LIMBECK_UNROLL
        for (int v = 0; v < V; v++) sum[p][v] = Operand::multiplyAdd(sum[p][v], a, b[v]);
      }
      w += V * L;
    }
  }
  LIMBECK_UNROLL
  for (int p = 0; p < P; p++)
    LIMBECK_UNROLL
    for (int v = 0; v < V; v++) store(t.out + p * t.outPixel + v * t.outVector, sum[p][v]);
}

template <class Operand>
struct OuterArguments {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  const E* x;             // P consecutive elements at each position
  int64_t xRow, xStep;    // from one row of positions to the next, from one position to the next
  const E* b;             // V vectors at each position
  int64_t bRow, bStep, bVector;
  int64_t rows, columns;  // positions
  T* out;                 // P rows of V consecutive vectors
  int64_t outRow;
  bool accumulate;
};

template <class Operand, int P, int V>
void outerTile(const OuterArguments<Operand>& t) {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  constexpr int L = kLanes<T>;
  Vector<T> sum[P][V];
  LIMBECK_UNROLL
  for (int p = 0; p < P; p++)
    LIMBECK_UNROLL
    for (int v = 0; v < V; v++) sum[p][v] = t.accumulate ? load(t.out + p * t.outRow + v * L) : zeros<T>();
  for (int64_t row = 0; row < t.rows; row++) {
    const E* x = t.x + row * t.xRow;
    const E* rowB = t.b + row * t.bRow;
    for (int64_t column = 0; column < t.columns; column++) {
      Vector<E> b[V];
      LIMBECK_UNROLL
      for (int v = 0; v < V; v++) b[v] = load(rowB + v * t.bVector);
      LIMBECK_UNROLL
      for (int p = 0; p < P; p++)
        LIMBECK_UNROLL
        for (int v = 0; v < V; v++) sum[p][v] = Operand::multiplyAdd(sum[p][v], x[p], b[v]);
      x += t.xStep;
      rowB += t.bStep;
    }
  }
  LIMBECK_UNROLL
  for (int p = 0; p < P; p++)
    LIMBECK_UNROLL
    for (int v = 0; v < V; v++) store(t.out + p * t.outRow + v * L, sum[p][v]);
}

template <class Operand>
using DotTile = void (*)(const DotArguments<Operand>&);
template <class Operand>
using OuterTile = void (*)(const OuterArguments<Operand>&);

// Kernels by [vectors - 1][pixels - 1].
template <class Operand>
struct Tiles {
  DotTile<Operand> dot[kTileVectors][kTilePixels];
  OuterTile<Operand> outer[kTileVectors][kTilePixels];
};

template <class Operand, int V, int P>
struct FillTiles {
  static void fill(Tiles<Operand>& tiles) {
    tiles.dot[V - 1][P - 1] = dotTile<Operand, P, V>;
    tiles.outer[V - 1][P - 1] = outerTile<Operand, P, V>;
    FillTiles<Operand, V, P - 1>::fill(tiles);
  }
};
template <class Operand, int V>
struct FillTiles<Operand, V, 0> {
  static void fill(Tiles<Operand>& tiles) { FillTiles<Operand, V - 1, kTilePixels>::fill(tiles); }
};
template <class Operand>
struct FillTiles<Operand, 0, kTilePixels> {
  static void fill(Tiles<Operand>&) {}
};

template <class Operand>
const Tiles<Operand>& tiles() {
  static const Tiles<Operand> table = [] {
    Tiles<Operand> fresh{};
    FillTiles<Operand, kTileVectors, kTilePixels>::fill(fresh);
    return fresh;
  }();
  return table;
}

// Cuts n into the fewest parts of at most kTilePixels, all nearly equal: part i of `parts` is [begin, end).
struct TileCut {
  int64_t n, parts;
  explicit TileCut(int64_t count) : n(count), parts(ceilDivide(count, kTilePixels)) {}
  int64_t begin(int64_t i) const { return i * n / parts; }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
