// What an instruction set can multiply at most: the register tile of the kernels without its loads.
#pragma once
#include "conv-tile.h"

namespace limbeck {
namespace LIMBECK_NS {

// Rounds of one multiply-add into each sum of a full tile, on the calling thread. Returns the multiply-adds.
template <class Operand>
struct MultiplyAddRounds {
  static int64_t run(int64_t rounds) {
    using T = typename Operand::Real;
    using E = typename Operand::Element;
    constexpr int P = kTilePixels, V = kTileVectors;
    const volatile E source{};
    E a[P];
    Vector<E> b[V];
    Vector<T> sum[P][V];
    LIMBECK_UNROLL
    for (int v = 0; v < V; v++) b[v] = splat<E>(source);
    __asm__ volatile("" : "+m"(b));  // vectors of different numbers, as far as the compiler knows
    LIMBECK_UNROLL
    for (int p = 0; p < P; p++) {
      a[p] = source;
      LIMBECK_UNROLL
      for (int v = 0; v < V; v++) sum[p][v] = zeros<T>();
    }
    for (int64_t i = 0; i < rounds; i++) {
      // New numbers each round and for each row, as far as the compiler knows: else it multiplies once and adds.
      __asm__ volatile("" : "+m"(a));
      LIMBECK_UNROLL
      for (int p = 0; p < P; p++)
        LIMBECK_UNROLL
        for (int v = 0; v < V; v++) sum[p][v] = Operand::multiplyAdd(sum[p][v], a[p], b[v]);
    }
    volatile T sink = T(0);
    LIMBECK_UNROLL
    for (int p = 0; p < P; p++)
      LIMBECK_UNROLL
      for (int v = 0; v < V; v++) sink = sink + laneSum<T>(sum[p][v]);
    return rounds * P * V * kLanes<T> * Operand::group;
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
