#include "elementwise.h"

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "pool.h"

namespace limbeck {
namespace {

// Elements per thread below which waking another thread costs more than it saves.
constexpr int64_t kLightGrain = 16384;  // additions and the like, bound by memory
constexpr int64_t kHeavyGrain = 4096;   // exponentials and the like

bool isHeavy(Unary op) {
  switch (op) {
    case Unary::exp: case Unary::expm1: case Unary::log: case Unary::log1p: case Unary::sigmoid: case Unary::tanh: case Unary::sin:
    case Unary::cos: case Unary::elu: case Unary::selu: case Unary::softplus: case Unary::erf: case Unary::powAny:
      return true;
    default:
      return false;
  }
}

struct Dimension {
  int64_t size, a, b;  // elements, strides of the operands (0 where broadcast)
};

std::string shapeText(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? "," : "") + std::to_string(shape[i]);
  return text + "]";
}

// Strides of an operand of `shape` seen as `out`.
std::vector<int64_t> broadcastStrides(const Shape& out, const Shape& shape) {
  if (shape.size() > out.size()) {
    throw std::invalid_argument("broadcast: shape " + shapeText(shape) + " does not broadcast to " + shapeText(out));
  }
  std::vector<int64_t> strides(out.size(), 0);
  int64_t stride = 1;
  for (size_t i = shape.size(), o = out.size(); i-- > 0;) {
    --o;
    if (shape[i] != out[o] && shape[i] != 1) {
      throw std::invalid_argument("broadcast: shape " + shapeText(shape) + " does not broadcast to " + shapeText(out));
    }
    strides[o] = shape[i] == 1 ? 0 : stride;
    stride *= shape[i];
  }
  return strides;
}

// Drops axes of size 1 and joins neighbours that both operands walk in one stride.
std::vector<Dimension> collapse(const Shape& out, const Shape& shapeA, const Shape& shapeB) {
  const std::vector<int64_t> a = broadcastStrides(out, shapeA), b = broadcastStrides(out, shapeB);
  std::vector<Dimension> dims;
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] == 1) continue;
    const Dimension next{out[i], a[i], b[i]};
    if (!dims.empty() && dims.back().a == next.a * next.size && dims.back().b == next.b * next.size) {
      dims.back() = {dims.back().size * next.size, next.a, next.b};
    } else {
      dims.push_back(next);
    }
  }
  if (dims.empty()) dims.push_back({1, 0, 0});
  if (dims.size() == 1) dims.insert(dims.begin(), {1, 0, 0});
  return dims;
}

// Repeats the `columns` elements of a row so that short rows become long ones.
std::vector<float> repeated(const float* row, int64_t columns, int64_t times) {
  std::vector<float> block(static_cast<size_t>(columns * times));
  for (int64_t r = 0; r < times; ++r) std::memcpy(block.data() + r * columns, row, sizeof(float) * static_cast<size_t>(columns));
  return block;
}

template <class T>
using Loop = void (*)(int64_t, int64_t, const float*, Operand, const float*, Operand, T*);

template <class T>
void broadcastLoop(Loop<T> loop, int64_t grain, const Shape& out, const Shape& shapeA, const float* a, const Shape& shapeB,
                   const float* b, T* y) {
  if (sizeOf(out) == 0) return;
  const std::vector<Dimension> dims = collapse(out, shapeA, shapeB);
  const Dimension inner = dims.back(), middle = dims[dims.size() - 2];
  const int64_t columns = inner.size;
  int64_t outer = 1;
  for (size_t i = 0; i + 2 < dims.size(); ++i) outer *= dims[i].size;
  const Operand sa{middle.a, inner.a}, sb{middle.b, inner.b};
  const int64_t rows = middle.size;

  // A dense matrix against one short row (bias, per-channel factors): repeat the row.
  if (outer == 1 && columns < 128 && rows > 8) {
    const bool rowB = sb.row == 0 && sb.column == 1 && sa.row == columns && sa.column == 1;
    const bool rowA = sa.row == 0 && sa.column == 1 && sb.row == columns && sb.column == 1;
    if (rowA || rowB) {
      int64_t times = 512 / columns;
      if (times > rows) times = rows;
      const std::vector<float> block = repeated(rowB ? b : a, columns, times);
      const int64_t wide = columns * times, wideRows = rows / times, rest = rows % times;
      const int64_t step = grain / wide < 1 ? 1 : grain / wide;
      const Operand dense{wide, 1}, repeat{0, 1};
      const float* const fixed = block.data();
      parallelFor(wideRows, step, [&](int64_t begin, int64_t end, int) {
        const int64_t at = begin * wide;
        if (rowB) loop(end - begin, wide, a + at, dense, fixed, repeat, y + at);
        else loop(end - begin, wide, fixed, repeat, b + at, dense, y + at);
      });
      const int64_t at = wideRows * wide;
      if (rest > 0) {
        if (rowB) loop(1, rest * columns, a + at, dense, fixed, repeat, y + at);
        else loop(1, rest * columns, fixed, repeat, b + at, dense, y + at);
      }
      return;
    }
  }

  // Row r of the flattened outer axes: offsets of both operands.
  const auto offsets = [&](int64_t index, int64_t& oa, int64_t& ob) {
    oa = ob = 0;
    for (size_t i = dims.size() - 2; i-- > 0;) {
      const int64_t k = index % dims[i].size;
      index /= dims[i].size;
      oa += k * dims[i].a;
      ob += k * dims[i].b;
    }
  };
  const int64_t total = outer * rows;
  if (columns >= grain && total < threadCount() * 4) {
    // Few long rows: share out the columns of each.
    for (int64_t row = 0; row < total; ++row) {
      int64_t oa, ob;
      offsets(row / rows, oa, ob);
      oa += (row % rows) * sa.row;
      ob += (row % rows) * sb.row;
      parallelFor(columns, grain, [&](int64_t begin, int64_t end, int) {
        loop(1, end - begin, a + oa + begin * sa.column, sa, b + ob + begin * sb.column, sb, y + row * columns + begin);
      });
    }
    return;
  }
  const int64_t step = grain / columns < 1 ? 1 : grain / columns;
  parallelFor(total, step, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end;) {
      int64_t oa, ob;
      offsets(row / rows, oa, ob);
      const int64_t first = row % rows;
      const int64_t many = rows - first < end - row ? rows - first : end - row;
      loop(many, columns, a + oa + first * sa.row, sa, b + ob + first * sb.row, sb, y + row * columns);
      row += many;
    }
  });
}

}  // namespace

int64_t sizeOf(const Shape& shape) {
  int64_t size = 1;
  for (const int64_t s : shape) size *= s;
  return size;
}

void unary(Unary op, const float* x, float* y, int64_t n, float p, float q) {
  const auto loop = simd().unary[static_cast<int>(op)];
  parallelFor(n, isHeavy(op) ? kHeavyGrain : kLightGrain,
              [&](int64_t begin, int64_t end, int) { loop(x + begin, y + begin, end - begin, p, q); });
}

namespace {
// The unary loop that raises to the power `p`.
Unary powerLoop(float p) {
  if (p == 0.5f) return Unary::powHalf;
  if (p >= 0.0f && p <= 8.0f && p == std::floor(p)) return static_cast<Unary>(static_cast<int>(Unary::pow0) + static_cast<int>(p));
  if (p >= -4.0f && p <= -1.0f && p == std::floor(p)) {
    return static_cast<Unary>(static_cast<int>(Unary::powMinus1) - 1 - static_cast<int>(p));
  }
  return Unary::powAny;
}
}  // namespace

void binary(Binary op, const Shape& out, const Shape& shapeA, const float* a, const Shape& shapeB, const float* b, float* y) {
  if (op == Binary::pow && sizeOf(shapeB) == 1 && sizeOf(out) == sizeOf(shapeA)) {
    broadcastStrides(out, shapeA);
    return unary(powerLoop(*b), a, y, sizeOf(out), *b, 0);
  }
  const int64_t grain = op == Binary::pow ? kHeavyGrain / 4 : kLightGrain;
  broadcastLoop<float>(simd().binary[static_cast<int>(op)], grain, out, shapeA, a, shapeB, b, y);
}

void compare(Compare op, const Shape& out, const Shape& shapeA, const float* a, const Shape& shapeB, const float* b, uint8_t* y) {
  broadcastLoop<uint8_t>(simd().compare[static_cast<int>(op)], kLightGrain, out, shapeA, a, shapeB, b, y);
}

void select(const uint8_t* condition, const float* t, const float* e, float* y, int64_t n) {
  parallelFor(n, kLightGrain, [&](int64_t begin, int64_t end, int) {
    simd().select(condition + begin, t + begin, e + begin, y + begin, end - begin);
  });
}

void fill(float* y, int64_t n, float value) {
  parallelFor(n, kLightGrain, [&](int64_t begin, int64_t end, int) { simd().fill(y + begin, end - begin, value); });
}

void castFromBytes(const uint8_t* x, float* y, int64_t n) {
  parallelFor(n, kLightGrain, [&](int64_t begin, int64_t end, int) { simd().fromBytes(x + begin, y + begin, end - begin); });
}

void castFromInts(const int32_t* x, float* y, int64_t n) {
  parallelFor(n, kLightGrain, [&](int64_t begin, int64_t end, int) { simd().fromInts(x + begin, y + begin, end - begin); });
}

void castToBytes(const float* x, uint8_t* y, int64_t n) {
  parallelFor(n, kLightGrain, [&](int64_t begin, int64_t end, int) { simd().nonZero(x + begin, y + begin, end - begin); });
}

void castToInts(const float* x, int32_t* y, int64_t n) {
  parallelFor(n, kHeavyGrain, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const float v = x[i];
      if (v > -2147483648.0f && v < 2147483648.0f) {
        y[i] = static_cast<int32_t>(v);
      } else if (std::isfinite(v)) {
        const double wrapped = std::fmod(std::trunc(static_cast<double>(v)), 4294967296.0);
        y[i] = static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(wrapped)));
      } else {
        y[i] = 0;
      }
    }
  });
}

void softmax(const float* x, float* y, int64_t rows, int64_t columns, bool logarithm) {
  if (columns == 0) return;
  const int64_t step = kHeavyGrain / columns < 1 ? 1 : kHeavyGrain / columns;
  parallelFor(rows, step, [&](int64_t begin, int64_t end, int) {
    simd().softmaxRows(x + begin * columns, y + begin * columns, end - begin, columns, logarithm);
  });
}

}  // namespace limbeck
