// The tile unit of AMX in plain C++, instruction by instruction as its manual describes them: for tests on machines without one.
// Counts its products, and ends the program where it is used without a configuration.
#pragma once
#include <cstdio>
#include <cstdlib>

#include "../conv-vector.h"
#include "amx-emulation.h"

namespace limbeck {
namespace LIMBECK_NS {

struct EmulatedUnit {
  using Rows = uint32_t[16][16];
  static inline thread_local Rows tile[8];

  static void need(bool configured) {
    if (emulation::configured == configured) return;
    std::fprintf(stderr, "emulated tiles: %s\n", configured ? "used without a configuration" : "configured twice");
    std::abort();
  }

  static void configure() {
    need(false);
    emulation::configured = true;
    for (Rows& each : tile) __builtin_memset(each, 0, sizeof each);
  }
  static void release() {
    need(true);
    emulation::configured = false;
  }
  template <int T>
  static void zero() {
    need(true);
    __builtin_memset(tile[T], 0, sizeof tile[T]);
  }
  template <int T>
  static void load(const void* from, int64_t stride) {
    need(true);
    emulation::loads.fetch_add(1, std::memory_order_relaxed);
    for (int64_t r = 0; r < 16; r++) __builtin_memcpy(tile[T][r], static_cast<const char*>(from) + r * stride, 64);
  }
  template <int T>
  static void store(void* to, int64_t stride) {
    need(true);
    emulation::stores.fetch_add(1, std::memory_order_relaxed);
    for (int64_t r = 0; r < 16; r++) __builtin_memcpy(static_cast<char*>(to) + r * stride, tile[T][r], 64);
  }
  // Even and odd numbers of the pairs are summed apart from zero, then together, then added to c. A product of two bfloat16 numbers
  // is exact in float32, so that a fused multiply-add is a product and a sum; denormal numbers count as zero, in and out.
  template <int C, int A, int B>
  static void multiply() {
    need(true);
    emulation::products.fetch_add(1, std::memory_order_relaxed);
    using V = Vector<float>;
    static_assert(kLanes<float> == 16, "a row of a tile is a vector");
    for (int m = 0; m < 16; m++) {
      V even = zeros<float>(), odd = zeros<float>();
      for (int k = 0; k < 16; k++) {
        const Vector<uint32_t> pair = load(tile[A][m][k]), row = limbeck::LIMBECK_NS::load(tile[B][k]);
        even = normal(even + normal((V)(pair << 16)) * normal((V)(row << 16)));
        odd = normal(odd + normal((V)(pair & 0xffff0000u)) * normal((V)(row & 0xffff0000u)));
      }
      const V sum = (V)limbeck::LIMBECK_NS::load(tile[C][m]);
      limbeck::LIMBECK_NS::store(tile[C][m], (Vector<uint32_t>)normal(normal(sum) + normal(even + odd)));
    }
  }

 private:
  static LIMBECK_INLINE Vector<uint32_t> load(uint32_t element) { return element - Vector<uint32_t>{}; }
  static LIMBECK_INLINE Vector<float> normal(Vector<float> v) {
    return ((Vector<uint32_t>)v & 0x7f800000u) == 0u ? (Vector<float>)((Vector<uint32_t>)v & 0x80000000u) : v;
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
