// Rounding to bfloat16 and the rearrangements that tiles want, for vectors of 16 numbers; by AVX512_BF16 where the file is compiled
// for it.
#pragma once
#include "conv-pack.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

// Lanes of a, then (from the number of lanes on) of b.
#if defined(__clang__)
#define LIMBECK_SHUFFLE(Type, a, b, ...) ((Type)__builtin_shufflevector(a, b, __VA_ARGS__))
#else
#define LIMBECK_SHUFFLE(Type, a, b, ...) __builtin_shuffle(a, b, Type{__VA_ARGS__})
#endif

namespace limbeck {
namespace LIMBECK_NS {

static_assert(kLanes<float> == kPlane, "a row of a tile is a vector and a plane");

constexpr int64_t kTileRows = 16;
constexpr int64_t kRow = 16;         // elements in a row of a tile: float32 sums, or pairs of bfloat16 numbers
constexpr int64_t kRowNumbers = 32;  // bfloat16 numbers in a row
constexpr int64_t kTileElements = kTileRows * kRow;

typedef uint16_t Halves __attribute__((vector_size(32)));

#if !defined(__AVX512BF16__)
// In the lower half of each lane.
LIMBECK_INLINE Vector<uint32_t> rounded(Vector<float> v) {
  const Vector<uint32_t> bits = (Vector<uint32_t>)v;
  const Vector<uint32_t> nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (bits & 0x7fffffffu) > 0x7f800000u ? ((bits >> 16) | 0x40u) : nearest;
}
#endif

// 32 numbers one after another.
LIMBECK_INLINE Vector<uint32_t> roundRow(Vector<float> first, Vector<float> second) {
#if defined(__AVX512BF16__)
  return (Vector<uint32_t>)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
#else
  const Halves halves[2] = {__builtin_convertvector(rounded(first), Halves), __builtin_convertvector(rounded(second), Halves)};
  Vector<uint32_t> row;
  __builtin_memcpy(&row, halves, sizeof row);
  return row;
#endif
}

// Lane i: first[i] in the lower half, second[i] in the upper.
LIMBECK_INLINE Vector<uint32_t> roundPairs(Vector<float> first, Vector<float> second) {
#if defined(__AVX512BF16__)
  typedef uint16_t Row __attribute__((vector_size(64)));
  const Row row = (Row)roundRow(first, second);
  return (Vector<uint32_t>)LIMBECK_SHUFFLE(Row, row, row, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11,
                                           27, 12, 28, 13, 29, 14, 30, 15, 31);
#else
  return rounded(first) | (rounded(second) << 16);
#endif
}

inline void roundRun(const float* from, int64_t count, uint16_t* to) {
  int64_t i = 0;
  for (; i + kRowNumbers <= count; i += kRowNumbers) {
    const Vector<uint32_t> row = roundRow(load(from + i), load(from + i + kRow));
    __builtin_memcpy(to + i, &row, sizeof row);
  }
  for (; i < count; i++) to[i] = static_cast<uint16_t>(bfloat16Bits(from[i]));
}

// The first `count` numbers, then zeros.
LIMBECK_INLINE Vector<float> loadSome(const float* from, int64_t count) {
  if (count >= kRow) return load(from);
  float some[kRow] = {};
  for (int64_t i = 0; i < count; i++) some[i] = from[i];
  return load(some);
}

// Of each quarter of two vectors: the lower, the upper numbers in turn; the lower, the upper halves.
LIMBECK_INLINE Vector<uint32_t> lowerNumbers(Vector<uint32_t> a, Vector<uint32_t> b) {
  return LIMBECK_SHUFFLE(Vector<uint32_t>, a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}
LIMBECK_INLINE Vector<uint32_t> upperNumbers(Vector<uint32_t> a, Vector<uint32_t> b) {
  return LIMBECK_SHUFFLE(Vector<uint32_t>, a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}
LIMBECK_INLINE Vector<uint32_t> lowerHalves(Vector<uint32_t> a, Vector<uint32_t> b) {
  return LIMBECK_SHUFFLE(Vector<uint32_t>, a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
}
LIMBECK_INLINE Vector<uint32_t> upperHalves(Vector<uint32_t> a, Vector<uint32_t> b) {
  return LIMBECK_SHUFFLE(Vector<uint32_t>, a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
}
// The even, the odd quarters of a, then those of b.
LIMBECK_INLINE Vector<uint32_t> evenQuarters(Vector<uint32_t> a, Vector<uint32_t> b) {
  return LIMBECK_SHUFFLE(Vector<uint32_t>, a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
}
LIMBECK_INLINE Vector<uint32_t> oddQuarters(Vector<uint32_t> a, Vector<uint32_t> b) {
  return LIMBECK_SHUFFLE(Vector<uint32_t>, a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

// Tile `to`: row i holds lane i of each of the 16 vectors.
inline void transposeTile(const Vector<uint32_t> (&from)[16], uint32_t* to) {
  Vector<uint32_t> fours[16];  // [4i + r]: in each quarter q, lane 4q + r of vectors 4i … 4i + 3
  LIMBECK_UNROLL
  for (int i = 0; i < 16; i += 4) {
    const Vector<uint32_t> low01 = lowerNumbers(from[i], from[i + 1]), high01 = upperNumbers(from[i], from[i + 1]);
    const Vector<uint32_t> low23 = lowerNumbers(from[i + 2], from[i + 3]), high23 = upperNumbers(from[i + 2], from[i + 3]);
    fours[i] = lowerHalves(low01, low23);
    fours[i + 1] = upperHalves(low01, low23);
    fours[i + 2] = lowerHalves(high01, high23);
    fours[i + 3] = upperHalves(high01, high23);
  }
  LIMBECK_UNROLL
  for (int r = 0; r < 4; r++) {
    const Vector<uint32_t> even01 = evenQuarters(fours[r], fours[4 + r]), odd01 = oddQuarters(fours[r], fours[4 + r]);
    const Vector<uint32_t> even23 = evenQuarters(fours[8 + r], fours[12 + r]), odd23 = oddQuarters(fours[8 + r], fours[12 + r]);
    store(to + r * kRow, evenQuarters(even01, even23));
    store(to + (4 + r) * kRow, evenQuarters(odd01, odd23));
    store(to + (8 + r) * kRow, oddQuarters(even01, even23));
    store(to + (12 + r) * kRow, oddQuarters(odd01, odd23));
  }
}

}  // namespace LIMBECK_NS
}  // namespace limbeck
