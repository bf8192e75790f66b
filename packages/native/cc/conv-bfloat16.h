// The operand of AVX512_BF16: two bfloat16 numbers a step, products and sums in float32. Included by the files compiled for it.
#pragma once
#include <immintrin.h>

#include "conv-pack.h"

namespace limbeck {
namespace LIMBECK_NS {

struct Paired {
  using Real = float;
  using Element = uint32_t;
  static constexpr int group = 2;
  static constexpr bool plain = false;

  static LIMBECK_INLINE Vector<float> multiplyAdd(Vector<float> sum, Element a, Vector<Element> b) {
    return (Vector<float>)_mm512_dpbf16_ps((__m512)sum, (__m512bh)splat<Element>(a), (__m512bh)b);
  }

  // Lane i: first[i] in the lower half, second[i] in the upper.
  static LIMBECK_INLINE Vector<Element> pair(Vector<float> first, Vector<float> second) {
    typedef uint16_t Halves __attribute__((vector_size(32)));
    const auto low = __builtin_convertvector((Halves)_mm512_cvtneps_pbh((__m512)first), Vector<Element>);
    const auto high = __builtin_convertvector((Halves)_mm512_cvtneps_pbh((__m512)second), Vector<Element>);
    return low | (high << 16);
  }

  // to[i] = (from[2i], from[2i + 1])
  static void pairNeighbours(const float* from, int64_t count, Element* to) {
    int64_t i = 0;
    for (; i + 32 <= count; i += 32)
      store(to + i / 2, (Vector<Element>)_mm512_cvtne2ps_pbh((__m512)load(from + i + 16), (__m512)load(from + i)));
    for (; i < count; i += 2) to[i / 2] = element<Paired>(from[i], i + 1 < count ? from[i + 1] : 0.f);
  }

  // to[i] = (from[i], from[i + apart])
  static void pairApart(const float* from, int64_t apart, int64_t count, Element* to) {
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) store(to + i, pair(load(from + i), load(from + i + apart)));
    for (; i < count; i++) to[i] = element<Paired>(from[i], from[i + apart]);
  }

  // Pixels 2i and 2i + 1 of a row of kPlane channels each; past the end 0.
  static void pairRow(const float* from, int64_t pixels, Element* to) {
    int64_t i = 0;
    for (; i + 2 <= pixels; i += 2, from += 2 * kPlane, to += kPlane) store(to, pair(load(from), load(from + kPlane)));
    if (i < pixels) store(to, pair(load(from), zeros<float>()));
  }

  // to[i] = (first[i], second[i]) for whole vectors; either may be null: zeros.
  static void pairColumns(const float* first, const float* second, int64_t count, Element* to) {
    for (int64_t i = 0; i < count; i += 16)
      store(to + i, pair(first ? load(first + i) : zeros<float>(), second ? load(second + i) : zeros<float>()));
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
