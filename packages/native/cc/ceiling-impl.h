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
    E a = source;
    Vector<E> b[V];
    Vector<T> sum[P][V];
    LIMBECK_UNROLL
    for (int v = 0; v < V; v++) b[v] = splat<E>(source);
    LIMBECK_UNROLL
    for (int p = 0; p < P; p++)
      LIMBECK_UNROLL
      for (int v = 0; v < V; v++) sum[p][v] = zeros<T>();
    for (int64_t i = 0; i < rounds; i++) {
      __asm__ volatile("" : "+m"(a));  // a new number each round, as far as the compiler knows
      LIMBECK_UNROLL
      for (int p = 0; p < P; p++)
        LIMBECK_UNROLL
        for (int v = 0; v < V; v++) sum[p][v] = Operand::multiplyAdd(sum[p][v], a, b[v]);
    }
    volatile T sink = T(0);
    for (int p = 0; p < P; p++)
      for (int v = 0; v < V; v++) sink = sink + laneSum<T>(sum[p][v]);
    return rounds * P * V * kLanes<T> * Operand::group;
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
