// Matrix products from the same two register kernels: rows of a are the "pixels" of dotTile; a transposed a is walked by
// outerTile as it lies. b is packed into panels once a call (and once for all where its batch stride is 0).
#pragma once
#include "conv-pack.h"

namespace limbeck {
namespace LIMBECK_NS {

// One matrix product with packed b, rows [firstRow, endRow) and panels [firstPanel, endPanel).
template <class T>
void productBlock(int64_t n, int64_t k, const T* a, int64_t lda, bool transposeA, const T* packed, int64_t vectors,
                  int64_t firstRow, int64_t endRow, int64_t firstPanel, int64_t endPanel, T* c) {
  constexpr int L = kLanes<T>;
  using Operand = Plain<T>;
  constexpr int64_t deep = 512;  // rows of b at a time: a panel of them stays in the second-level cache
  const TileCut cut(endRow - firstRow);
  for (int64_t k0 = 0; k0 < most(1, k); k0 += deep) {
    const int64_t depth = least(deep, k - k0);
    for (int64_t panel = firstPanel; panel < endPanel; panel++) {
      const int64_t v = panel * kTileVectors, wide = least(kTileVectors, vectors - v);
      const int64_t here = least(wide * L, n - v * L);
      const T* w = packed + k * v * L + k0 * wide * L;
      for (int64_t i = 0; i < cut.parts; i++) {
        const int64_t row = firstRow + cut.begin(i), count = firstRow + cut.begin(i + 1) - row;
        T edge[kTilePixels * kTileVectors * L];
        const bool whole = here == wide * L;
        T* out = whole ? c + row * n + v * L : edge;
        const int64_t outRow = whole ? n : wide * L;
        if (!whole && k0 > 0)
          for (int64_t r = 0; r < count; r++) copy(edge + r * wide * L, c + (row + r) * n + v * L, here);
        if (transposeA) {
          OuterArguments<Operand> t;
          t.x = a + k0 * lda + row, t.xRow = 0, t.xStep = lda;
          t.b = w, t.bRow = 0, t.bStep = wide * L, t.bVector = L;
          t.rows = 1, t.columns = depth;
          t.out = out, t.outRow = outRow, t.accumulate = k0 > 0;
          tiles<Operand>().outer[wide - 1][count - 1](t);
        } else {
          const T* rows[kTilePixels];
          for (int64_t r = 0; r < count; r++) rows[r] = a + (row + r) * lda + k0;
          const int64_t run = 0;
          DotArguments<Operand> t;
          t.x = rows, t.runs = &run, t.runCount = 1, t.runLength = depth;
          t.w = w, t.start = nullptr;
          t.out = out, t.outPixel = outRow, t.outVector = L, t.accumulate = k0 > 0;
          tiles<Operand>().dot[wide - 1][count - 1](t);
        }
        if (!whole)
          for (int64_t r = 0; r < count; r++) copy(c + (row + r) * n + v * L, edge + r * wide * L, here);
      }
    }
  }
}

template <class T>
void matmulPass(int64_t batch, int64_t m, int64_t n, int64_t k, const T* a, int64_t strideA, bool transposeA, const T* b,
                int64_t strideB, bool transposeB, T* c) {
  constexpr int L = kLanes<T>;
  if (batch <= 0 || m <= 0 || n <= 0) return;
  const int64_t vectors = ceilDivide(n, L), panels = ceilDivide(vectors, kTileVectors);
  const int64_t lda = transposeA ? m : k;
  const bool sharedB = strideB == 0 || batch == 1;
  const bool byBatch = batch >= parallelThreads();
  int64_t* offsets;
  T* packed;
  place(ScratchSlot::shared, [&](Pieces& pieces) {
    offsets = pieces.take<int64_t>(k);
    packed = pieces.take<T>(sharedB || !byBatch ? k * vectors * L : 0);
  });
  for (int64_t i = 0; i < k; i++) offsets[i] = transposeB ? i : i * n;
  const auto packing = [&](int64_t index, T* to) {
    return Packing<Plain<T>>{b + index * strideB, offsets, k, n, transposeB ? k : 1, vectors, to};
  };
  if (sharedB) packing(0, packed).all();
  if (byBatch) {
    parallel(batch, 1, [&](int64_t begin, int64_t end, int) {
      T* own = packed;
      if (!sharedB) place(ScratchSlot::work, [&](Pieces& pieces) { own = pieces.take<T>(k * vectors * L); });
      for (int64_t i = begin; i < end; i++) {
        if (!sharedB)
          for (int64_t p = 0; p < panels; p++) packing(i, own).panel(p);
        productBlock(n, k, a + i * strideA, lda, transposeA, own, vectors, 0, m, 0, panels, c + i * m * n);
      }
    });
    return;
  }
  const bool byRows = m >= n;
  const int64_t grain = ceilDivide(65536, most(1, k * (byRows ? n : m * kTileVectors * L)));
  for (int64_t i = 0; i < batch; i++) {
    if (!sharedB) packing(i, packed).all();
    const T* left = a + i * strideA;
    T* out = c + i * m * n;
    if (byRows)
      parallel(m, most(kTilePixels, grain), [&](int64_t begin, int64_t end, int) {
        productBlock(n, k, left, lda, transposeA, packed, vectors, begin, end, 0, panels, out);
      });
    else
      parallel(panels, grain, [&](int64_t begin, int64_t end, int) {
        productBlock(n, k, left, lda, transposeA, packed, vectors, 0, m, begin, end, out);
      });
  }
}

}  // namespace LIMBECK_NS
}  // namespace limbeck
