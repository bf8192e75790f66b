// Kernels that only move numbers: slices, transposes, concatenation, padding, tiling, reversal, gathering.
#pragma once
#include <cstdint>
#include <vector>

#include "elementwise.h"

namespace limbeck {

// One side of a strided copy: an array of `length` floats, walked from `offset` with one stride (any sign, 0 repeats) for each axis.
struct Walk {
  int64_t length, offset;
  Shape strides;
};

// target[offset + Σ i·stride] = source[offset + Σ i·stride] for all i below `shape`. No element of the target may be reached
// twice. Throws std::invalid_argument where a walk leaves its array.
void stridedCopy(const Shape& shape, const float* source, const Walk& from, float* target, const Walk& to);

// x [batch, outer, length, slice], indices [batch, many] → y [batch, outer, many, slice]. Throws std::out_of_range.
void gather(int64_t batch, int64_t outer, int64_t length, int64_t slice, int64_t many, const float* x, const int32_t* indices,
            float* y);

// y[s] = Σ x[i] over i with ids[i] = s; ids outside 0 … segments-1 are left out. x [n, inner], y [segments, inner].
void segmentSum(int64_t n, int64_t inner, int64_t segments, const float* x, const int32_t* ids, float* y);

// y [n, depth]: `on` at the index, `off` elsewhere and in rows whose index lies outside.
void oneHot(int64_t n, int64_t depth, const int32_t* indices, float on, float off, float* y);

}  // namespace limbeck
