// Leaf loops compiled once per instruction set (simd_kernels.cc) behind one table of plain function pointers. Nothing of the standard
// library is used in them: an inline function emitted with AVX-512 could be picked by the linker for a machine without it.
#pragma once
#include <cstdint>

namespace limbeck {

enum class Unary : int {
  neg, abs, square, sqrt, rsqrt, reciprocal, exp, expm1, log, log1p, sigmoid, tanh, sin, cos, relu, relu6, leakyRelu, elu,
  selu, softplus, step, sign, erf, clip, ceil, floor, round, addScalar, mulScalar,
  pow0, pow1, pow2, pow3, pow4, pow5, pow6, pow7, pow8, powMinus1, powMinus2, powMinus3, powMinus4, powHalf, powAny, count
};
enum class Binary : int { add, sub, mul, div, maximum, minimum, pow, squaredDifference, prelu, eluGrad, count };
enum class Compare : int { equal, notEqual, less, lessEqual, greater, greaterEqual, count };
enum class Reduce : int { sum, mean, max, min, prod, count };

struct PoolShape {
  int64_t n, h, w, c, fh, fw, strideH, strideW, padTop, padLeft, oh, ow;
};

// Operands of a two-dimensional loop: row strides are any number of elements, column strides 0 or 1.
struct Operand {
  int64_t row, column;
};

struct SimdKernels {
  void (*unary[static_cast<int>(Unary::count)])(const float* x, float* y, int64_t n, float p, float q);
  void (*binary[static_cast<int>(Binary::count)])(int64_t rows, int64_t columns, const float* a, Operand sa, const float* b,
                                                  Operand sb, float* y);
  void (*compare[static_cast<int>(Compare::count)])(int64_t rows, int64_t columns, const float* a, Operand sa,
                                                    const float* b, Operand sb, uint8_t* y);
  void (*select)(const uint8_t* condition, const float* t, const float* e, float* y, int64_t n);
  void (*fill)(float* y, int64_t n, float value);
  void (*fromBytes)(const uint8_t* x, float* y, int64_t n);
  void (*fromInts)(const int32_t* x, float* y, int64_t n);
  void (*nonZero)(const float* x, uint8_t* y, int64_t n);
  void (*axpy)(const float* x, float* y, int64_t n, float a);  // y += a x

  double (*sumRow)(const float* x, int64_t n);
  double (*prodRow)(const float* x, int64_t n);
  float (*maxRow)(const float* x, int64_t n);  // n ≥ 1; NaN if any is
  float (*minRow)(const float* x, int64_t n);
  // Column-wise: accumulator[j] (op)= x[r * stride + j] for r < rows, j < columns.
  void (*sumColumns)(const float* x, int64_t rows, int64_t columns, int64_t stride, double* accumulator);
  void (*prodColumns)(const float* x, int64_t rows, int64_t columns, int64_t stride, double* accumulator);
  void (*maxColumns)(const float* x, int64_t rows, int64_t columns, int64_t stride, double* accumulator);
  void (*minColumns)(const float* x, int64_t rows, int64_t columns, int64_t stride, double* accumulator);
  void (*softmaxRows)(const float* x, float* y, int64_t rows, int64_t columns, bool logarithm);

  // Rows [begin, end) of n·oh output rows (avgPool, maxPool), of n·h input rows (avgPoolGrad).
  void (*avgPool)(const PoolShape& s, const float* x, float* y, int64_t begin, int64_t end);
  void (*maxPool)(const PoolShape& s, const float* x, float* y, int64_t begin, int64_t end);
  void (*avgPoolGrad)(const PoolShape& s, const float* dy, float* dx, int64_t begin, int64_t end);
  // Images [begin, end): zeroes their dx, then adds dy at the first maximum of each window.
  void (*maxPoolGrad)(const PoolShape& s, const float* x, const float* dy, float* dx, int64_t begin, int64_t end);
};

// The table of the instruction set in use; selectSimd is called when that changes.
const SimdKernels& simd();
void selectSimd(const char* isa);

}  // namespace limbeck
