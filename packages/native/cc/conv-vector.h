// Vectors of T as wide as the instruction set's registers, by GCC's and clang's vector extension. Included once per
// instruction set: LIMBECK_NS names its namespace, LIMBECK_VECTOR_BYTES its register width, LIMBECK_TILE_PIXELS and
// LIMBECK_TILE_VECTORS the register tile of the kernels (pixels × vectors of outputs).
#pragma once
#include <cstddef>
#include <cstdint>

#if !defined(LIMBECK_NS) || !defined(LIMBECK_VECTOR_BYTES) || !defined(LIMBECK_TILE_PIXELS) || !defined(LIMBECK_TILE_VECTORS)
#error "conv-vector.h: define LIMBECK_NS, LIMBECK_VECTOR_BYTES, LIMBECK_TILE_PIXELS and LIMBECK_TILE_VECTORS first"
#endif

#define LIMBECK_INLINE inline __attribute__((always_inline))
#define LIMBECK_LAMBDA_INLINE __attribute__((always_inline))
// In front of a short loop over registers: it must disappear.
#if defined(__clang__)
#define LIMBECK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LIMBECK_UNROLL _Pragma("GCC unroll 16")
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"  // vectors never cross a real call: everything that takes one is inlined
#endif

namespace limbeck {
namespace LIMBECK_NS {

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(LIMBECK_VECTOR_BYTES)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(LIMBECK_VECTOR_BYTES)));
};
template <>
struct VectorOf<uint32_t> {
  typedef uint32_t type __attribute__((vector_size(LIMBECK_VECTOR_BYTES)));
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
constexpr int kLanes = LIMBECK_VECTOR_BYTES / static_cast<int>(sizeof(T));
constexpr int kTilePixels = LIMBECK_TILE_PIXELS;
constexpr int kTileVectors = LIMBECK_TILE_VECTORS;

template <class T>
LIMBECK_INLINE Vector<T> load(const T* from) {
  Vector<T> v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

template <class T>
LIMBECK_INLINE void store(T* to, Vector<T> v) {
  __builtin_memcpy(to, &v, sizeof v);
}

template <class T>
LIMBECK_INLINE Vector<T> splat(T value) {
  return value - Vector<T>{};
}

template <class T>
LIMBECK_INLINE Vector<T> zeros() {
  return Vector<T>{};
}

template <class V>
LIMBECK_INLINE V absolute(V v) {
  return v < 0 ? -v : v;
}

template <class T>
LIMBECK_INLINE T laneSum(Vector<T> v) {
  T parts[kLanes<T>];
  store(parts, v);
  for (int width = kLanes<T> / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) parts[i] += parts[i + width];
  return parts[0];
}

LIMBECK_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
LIMBECK_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
LIMBECK_INLINE int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace LIMBECK_NS
}  // namespace limbeck
