// The tile unit of AMX: eight tiles of 16 rows × 64 bytes, all in use whole, so that one configuration does for everything.
//
// In assembly rather than by intrinsics: the compiler needs no flags (and so never uses tiles by itself), and GCC's intrinsics do
// not tell it that a tile is loaded from memory. What each instruction does is written out in test/amx-emulated.h.
#pragma once
#include "conv-vector.h"

namespace limbeck {
namespace LIMBECK_NS {

struct AmxUnit {
  // Before the first use of a tile in a thread; the tiles are zero then.
  static LIMBECK_INLINE void configure() {
    struct Configuration {
      uint8_t palette, startRow, reserved[14];
      uint16_t rowBytes[16];
      uint8_t rows[16];
    };
    static_assert(sizeof(Configuration) == 64, "what ldtilecfg reads");
    alignas(64) static constexpr Configuration whole = {
        1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
    __asm__ volatile("ldtilecfg %0" : : "m"(whole) : "memory");
  }
  // After the last: the thread is as if it had never used tiles.
  static LIMBECK_INLINE void release() { __asm__ volatile("tilerelease" : : : "memory"); }

  template <int T>
  static LIMBECK_INLINE void zero() {
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(T));
  }
  // `stride` bytes from one row to the next.
  template <int T>
  static LIMBECK_INLINE void load(const void* from, int64_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(T) : "memory");
  }
  template <int T>
  static LIMBECK_INLINE void store(void* to, int64_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(T) : "memory");
  }
  // c[m][n] += Σ_k a[m][2k]·b[k][2n] + a[m][2k+1]·b[k][2n+1]: 16 × 16 sums in float32, 16 pairs of bfloat16 numbers k.
  template <int C, int A, int B>
  static LIMBECK_INLINE void multiply() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
