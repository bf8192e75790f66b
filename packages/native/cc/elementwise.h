// Element-wise kernels on float32 arrays, multithreaded, with broadcasting.
#pragma once
#include <cstdint>
#include <vector>

#include "simd.h"

namespace limbeck {

using Shape = std::vector<int64_t>;

int64_t sizeOf(const Shape& shape);

void unary(Unary op, const float* x, float* y, int64_t n, float p, float q);

// y[i] = op(a[broadcast i], b[broadcast i]); both shapes must broadcast to `out` (numpy's rules).
// Throws std::invalid_argument where they do not.
void binary(Binary op, const Shape& out, const Shape& shapeA, const float* a, const Shape& shapeB, const float* b, float* y);
void compare(Compare op, const Shape& out, const Shape& shapeA, const float* a, const Shape& shapeB, const float* b, uint8_t* y);

void select(const uint8_t* condition, const float* t, const float* e, float* y, int64_t n);
void fill(float* y, int64_t n, float value);
void castFromBytes(const uint8_t* x, float* y, int64_t n);
void castFromInts(const int32_t* x, float* y, int64_t n);
void castToBytes(const float* x, uint8_t* y, int64_t n);
// As Int32Array.from: truncated towards zero, modulo 2^32; 0 for NaN and infinities.
void castToInts(const float* x, int32_t* y, int64_t n);
void softmax(const float* x, float* y, int64_t rows, int64_t columns, bool logarithm);

}  // namespace limbeck
