// Products of tiles: 2×2 tiles of sums (or fewer at an edge) stay in the unit for all steps, and each tile loaded is used twice.
#pragma once
#include "amx-round.h"

namespace limbeck {
namespace LIMBECK_NS {

// A tile of sums in memory: `at` + row · `row`; only `rows` × `columns` of it are there.
struct SumTile {
  float* at;
  int64_t row, rows, columns;

  bool whole() const { return rows >= kTileRows && columns >= kRow; }
};

// c[m][n] (+)= start[n] + Σ over steps of a[m]·b[n]
struct TileProduct {
  const uint32_t* a[2];
  int64_t aRow;            // elements from one row of a tile to the next
  const int64_t* aSteps;   // where the tile of each step starts; null: they lie one after another
  const uint32_t* b[2];
  int64_t bRow, bStep;
  int64_t steps;
  const float* start;      // 16 numbers for each n, the same for all rows; null: 0. Ignored when accumulating.
  bool accumulate;
  SumTile c[2][2];
};

// Sums are tiles 0 to 3, a 4 and 5, b 6 and 7.
template <class Unit, int C>
LIMBECK_INLINE void openSums(const SumTile& c, const float* start, bool accumulate) {
  if (!accumulate) {
    if (start) Unit::template load<C>(start, 0);
    else Unit::template zero<C>();
  } else if (c.whole()) {
    Unit::template load<C>(c.at, c.row * 4);
  } else {
    float edge[kTileElements] = {};
    for (int64_t r = 0; r < least(c.rows, kTileRows); r++)
      for (int64_t k = 0; k < least(c.columns, kRow); k++) edge[r * kRow + k] = c.at[r * c.row + k];
    Unit::template load<C>(edge, kRow * 4);
  }
}

template <class Unit, int C>
LIMBECK_INLINE void closeSums(const SumTile& c) {
  if (c.whole()) return Unit::template store<C>(c.at, c.row * 4);
  float edge[kTileElements];
  Unit::template store<C>(edge, kRow * 4);
  for (int64_t r = 0; r < least(c.rows, kTileRows); r++)
    for (int64_t k = 0; k < least(c.columns, kRow); k++) c.at[r * c.row + k] = edge[r * kRow + k];
}

template <class Unit, int M, int N>
void multiplyTiles(const TileProduct& t) {
  openSums<Unit, 0>(t.c[0][0], t.start, t.accumulate);
  if constexpr (N > 1) openSums<Unit, 1>(t.c[0][1], t.start ? t.start + kRow : nullptr, t.accumulate);
  if constexpr (M > 1) openSums<Unit, 2>(t.c[1][0], t.start, t.accumulate);
  if constexpr (M > 1 && N > 1) openSums<Unit, 3>(t.c[1][1], t.start ? t.start + kRow : nullptr, t.accumulate);
  const int64_t aRow = t.aRow * 4, bRow = t.bRow * 4, steps = t.steps, bStep = t.bStep;
  const uint32_t *a0 = t.a[0], *a1 = t.a[1], *b0 = t.b[0], *b1 = t.b[1];
  const int64_t* const aSteps = t.aSteps;
  for (int64_t k = 0; k < steps; k++) {
    const int64_t a = aSteps ? aSteps[k] : k * kTileElements, b = k * bStep;
    Unit::template load<6>(b0 + b, bRow);
    Unit::template load<4>(a0 + a, aRow);
    Unit::template multiply<0, 4, 6>();
    if constexpr (N > 1) {
      Unit::template load<7>(b1 + b, bRow);
      Unit::template multiply<1, 4, 7>();
    }
    if constexpr (M > 1) {
      Unit::template load<5>(a1 + a, aRow);
      Unit::template multiply<2, 5, 6>();
      if constexpr (N > 1) Unit::template multiply<3, 5, 7>();
    }
  }
  closeSums<Unit, 0>(t.c[0][0]);
  if constexpr (N > 1) closeSums<Unit, 1>(t.c[0][1]);
  if constexpr (M > 1) closeSums<Unit, 2>(t.c[1][0]);
  if constexpr (M > 1 && N > 1) closeSums<Unit, 3>(t.c[1][1]);
}

template <class Unit>
void multiplyTiles(const TileProduct& t, int64_t m, int64_t n) {
  if (m > 1) return n > 1 ? multiplyTiles<Unit, 2, 2>(t) : multiplyTiles<Unit, 2, 1>(t);
  return n > 1 ? multiplyTiles<Unit, 1, 2>(t) : multiplyTiles<Unit, 1, 1>(t);
}

// A thread's use of the unit, from here to the end of the scope.
template <class Unit>
struct TileSession {
  TileSession() { Unit::configure(); }
  ~TileSession() { Unit::release(); }
  TileSession(const TileSession&) = delete;
  TileSession& operator=(const TileSession&) = delete;
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
