// Element-wise kernels, reductions and copies.
#include <stdexcept>

#include "call.h"
#include "copy.h"
#include "elementwise.h"
#include "reduce.h"

namespace limbeck {
namespace {

// Names in the order of the enumerations in simd.h; JavaScript looks operations up by them.
const std::vector<std::string> kUnaryNames = {
    "neg", "abs", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log1p", "sigmoid", "tanh", "sin", "cos", "relu", "relu6",
    "leakyRelu", "elu", "selu", "softplus", "step", "sign", "erf", "clip", "ceil", "floor", "round", "addScalar", "mulScalar"};
const std::vector<std::string> kBinaryNames = {"add",     "sub", "mul",               "div",   "maximum",
                                               "minimum", "pow", "squaredDifference", "prelu", "eluGrad"};
const std::vector<std::string> kCompareNames = {"equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"};
const std::vector<std::string> kReduceNames = {"sum", "mean", "max", "min", "prod"};

napi_value unaryNames(Call& call) { return call.result(kUnaryNames); }
napi_value binaryNames(Call& call) { return call.result(kBinaryNames); }
napi_value compareNames(Call& call) { return call.result(kCompareNames); }
napi_value reduceNames(Call& call) { return call.result(kReduceNames); }

template <class T>
T operation(Call& call, int i, const std::vector<std::string>& names) {
  return static_cast<T>(call.integer(i, "operation", 0, static_cast<int64_t>(names.size()) - 1));
}

// unary(operation, x, y, p, q)
napi_value callUnary(Call& call) {
  int64_t n = 0;
  const float* const x = call.anyFloats(1, "x", n);
  float* const y = call.floats(2, "y", n);
  unary(operation<Unary>(call, 0, kUnaryNames), x, y, n, static_cast<float>(call.number(3, "p")),
        static_cast<float>(call.number(4, "q")));
  return call.undefined();
}

// binary(operation, out shape, a's shape, a, b's shape, b, y)
napi_value callBinary(Call& call) {
  const Shape out = call.shape(1, "shape"), sa = call.shape(2, "shapeA"), sb = call.shape(4, "shapeB");
  binary(operation<Binary>(call, 0, kBinaryNames), out, sa, call.floats(3, "a", sizeOf(sa)), sb, call.floats(5, "b", sizeOf(sb)),
         call.floats(6, "y", sizeOf(out)));
  return call.undefined();
}

// compare(operation, out shape, a's shape, a, b's shape, b, y)
napi_value callCompare(Call& call) {
  const Shape out = call.shape(1, "shape"), sa = call.shape(2, "shapeA"), sb = call.shape(4, "shapeB");
  compare(operation<Compare>(call, 0, kCompareNames), out, sa, call.floats(3, "a", sizeOf(sa)), sb, call.floats(5, "b", sizeOf(sb)),
          call.bytes(6, "y", sizeOf(out)));
  return call.undefined();
}

// select(condition, t, e, y)
napi_value callSelect(Call& call) {
  int64_t n = 0;
  float* const y = call.anyFloats(3, "y", n);
  select(call.bytes(0, "condition", n), call.floats(1, "t", n), call.floats(2, "e", n), y, n);
  return call.undefined();
}

// fill(y, value)
napi_value callFill(Call& call) {
  int64_t n = 0;
  float* const y = call.anyFloats(0, "y", n);
  fill(y, n, static_cast<float>(call.number(1, "value")));
  return call.undefined();
}

napi_value callCastFromBytes(Call& call) {
  int64_t n = 0;
  float* const y = call.anyFloats(1, "y", n);
  castFromBytes(call.bytes(0, "x", n), y, n);
  return call.undefined();
}
napi_value callCastFromInts(Call& call) {
  int64_t n = 0;
  float* const y = call.anyFloats(1, "y", n);
  castFromInts(call.ints(0, "x", n), y, n);
  return call.undefined();
}
napi_value callCastToBytes(Call& call) {
  int64_t n = 0;
  const float* const x = call.anyFloats(0, "x", n);
  castToBytes(x, call.bytes(1, "y", n), n);
  return call.undefined();
}
napi_value callCastToInts(Call& call) {
  int64_t n = 0;
  const float* const x = call.anyFloats(0, "x", n);
  castToInts(x, call.ints(1, "y", n), n);
  return call.undefined();
}

// softmax(x, y, rows, columns, logarithm)
napi_value callSoftmax(Call& call) {
  const int64_t rows = call.integer(2, "rows", 0, int64_t{1} << 26), columns = call.integer(3, "columns", 0, int64_t{1} << 26);
  softmax(call.floats(0, "x", rows * columns), call.floats(1, "y", rows * columns), rows, columns, call.boolean(4, "logarithm"));
  return call.undefined();
}

// reduce(operation, shape, reduced axes, x, y)
napi_value callReduce(Call& call) {
  const Shape shape = call.shape(1, "shape"), axes = call.integers(2, "axes");
  std::vector<bool> reduced(shape.size(), false);
  for (const int64_t axis : axes) {
    if (axis < 0 || axis >= static_cast<int64_t>(shape.size())) call.fail("axes", "axes of the shape", 2);
    reduced[static_cast<size_t>(axis)] = true;
  }
  int64_t left = 1;
  for (size_t i = 0; i < shape.size(); ++i) left *= reduced[i] ? 1 : shape[i];
  reduce(operation<Reduce>(call, 0, kReduceNames), shape, reduced, call.floats(3, "x", sizeOf(shape)), call.floats(4, "y", left));
  return call.undefined();
}

// argExtreme(largest, [outer, length, inner], x, y)
napi_value callArgExtreme(Call& call) {
  const Shape s = call.shape(1, "shape");
  if (s.size() != 3 || s[1] < 1) call.fail("shape", "[outer, length, inner] with length ≥ 1", 1);
  argExtreme(call.boolean(0, "largest"), s[0], s[1], s[2], call.floats(2, "x", sizeOf(s)), call.ints(3, "y", s[0] * s[2]));
  return call.undefined();
}

// cumulativeSum([outer, length, inner], x, y, exclusive, reverse)
napi_value callCumulativeSum(Call& call) {
  const Shape s = call.shape(0, "shape");
  if (s.size() != 3) call.fail("shape", "[outer, length, inner]", 0);
  cumulativeSum(s[0], s[1], s[2], call.floats(1, "x", sizeOf(s)), call.floats(2, "y", sizeOf(s)), call.boolean(3, "exclusive"),
                call.boolean(4, "reverse"));
  return call.undefined();
}

// stridedCopy(shape, source, offset, strides, target, offset, strides)
napi_value callStridedCopy(Call& call) {
  const Shape shape = call.shape(0, "shape");
  Walk from, to;
  const float* const source = call.anyFloats(1, "source", from.length);
  float* const target = call.anyFloats(4, "target", to.length);
  from.offset = call.integer(2, "sourceOffset");
  from.strides = call.integers(3, "sourceStrides");
  to.offset = call.integer(5, "targetOffset");
  to.strides = call.integers(6, "targetStrides");
  stridedCopy(shape, source, from, target, to);
  return call.undefined();
}

// gather([batch, outer, length, slice], many, x, indices, y)
napi_value callGather(Call& call) {
  const Shape s = call.shape(0, "shape");
  if (s.size() != 4) call.fail("shape", "[batch, outer, length, slice]", 0);
  const int64_t many = call.integer(1, "many", 0, int64_t{1} << 40);
  gather(s[0], s[1], s[2], s[3], many, call.floats(2, "x", sizeOf(s)), call.ints(3, "indices", s[0] * many),
         call.floats(4, "y", s[0] * s[1] * many * s[3]));
  return call.undefined();
}

// segmentSum([n, inner], segments, x, ids, y)
napi_value callSegmentSum(Call& call) {
  const Shape s = call.shape(0, "shape");
  if (s.size() != 2) call.fail("shape", "[n, inner]", 0);
  const int64_t segments = call.integer(1, "segments", 0, int64_t{1} << 31);
  segmentSum(s[0], s[1], segments, call.floats(2, "x", sizeOf(s)), call.ints(3, "ids", s[0]), call.floats(4, "y", segments * s[1]));
  return call.undefined();
}

// oneHot(depth, indices, on, off, y)
napi_value callOneHot(Call& call) {
  const int64_t depth = call.integer(0, "depth", 0, int64_t{1} << 31);
  int64_t total = 0;
  float* const y = call.anyFloats(4, "y", total);
  const int64_t n = depth > 0 ? total / depth : 0;
  if (n * depth != total) call.fail("y", "a Float32Array of a multiple of the depth", 4);
  oneHot(n, depth, call.ints(1, "indices", n), static_cast<float>(call.number(2, "on")), static_cast<float>(call.number(3, "off")), y);
  return call.undefined();
}

}  // namespace

std::vector<Export> elementwiseExports() {
  return {{"unaryNames", unaryNames},
          {"binaryNames", binaryNames},
          {"compareNames", compareNames},
          {"reduceNames", reduceNames},
          {"unary", callUnary},
          {"binary", callBinary},
          {"compare", callCompare},
          {"select", callSelect},
          {"fill", callFill},
          {"castFromBytes", callCastFromBytes},
          {"castFromInts", callCastFromInts},
          {"castToBytes", callCastToBytes},
          {"castToInts", callCastToInts},
          {"softmax", callSoftmax},
          {"reduce", callReduce},
          {"argExtreme", callArgExtreme},
          {"cumulativeSum", callCumulativeSum},
          {"stridedCopy", callStridedCopy},
          {"gather", callGather},
          {"segmentSum", callSegmentSum},
          {"oneHot", callOneHot}};
}

}  // namespace limbeck
