// Reductions over any axes. Work is cut into chunks whose size does not depend on the thread count, and chunks are joined in
// order: the result has the same bits for every number of threads.
#pragma once
#include <cstdint>
#include <vector>

#include "elementwise.h"

namespace limbeck {

// y = op of x over the axes where reduced[i] is true; y holds the remaining axes in order. No axis may have size 0.
void reduce(Reduce op, const Shape& shape, const std::vector<bool>& reduced, const float* x, float* y);

// Index of the first largest (smallest) element along the middle axis; NaN never wins, but for a first one.
void argExtreme(bool largest, int64_t outer, int64_t length, int64_t inner, const float* x, int32_t* y);

// Running sums along the middle axis.
void cumulativeSum(int64_t outer, int64_t length, int64_t inner, const float* x, float* y, bool exclusive, bool reverse);

}  // namespace limbeck
