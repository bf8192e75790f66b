#include "reduce.h"

#include <limits>
#include <stdexcept>

#include "pool.h"

namespace limbeck {
namespace {

constexpr int64_t kChunk = 65536;        // elements of one partial result
constexpr int64_t kColumnBlock = 2048;   // columns whose accumulators stay in the first-level cache
constexpr int64_t kGrain = 16384;        // elements per thread

double identityOf(Reduce op) {
  switch (op) {
    case Reduce::max: return -std::numeric_limits<double>::infinity();
    case Reduce::min: return std::numeric_limits<double>::infinity();
    case Reduce::prod: return 1;
    default: return 0;
  }
}

double rowOf(Reduce op, const float* x, int64_t n) {
  const SimdKernels& k = simd();
  switch (op) {
    case Reduce::max: return static_cast<double>(k.maxRow(x, n));
    case Reduce::min: return static_cast<double>(k.minRow(x, n));
    case Reduce::prod: return k.prodRow(x, n);
    default: return k.sumRow(x, n);
  }
}

void columnsOf(Reduce op, const float* x, int64_t rows, int64_t columns, int64_t stride, double* accumulator) {
  const SimdKernels& k = simd();
  switch (op) {
    case Reduce::max: return k.maxColumns(x, rows, columns, stride, accumulator);
    case Reduce::min: return k.minColumns(x, rows, columns, stride, accumulator);
    case Reduce::prod: return k.prodColumns(x, rows, columns, stride, accumulator);
    default: return k.sumColumns(x, rows, columns, stride, accumulator);
  }
}

double join(Reduce op, double a, double b) {
  switch (op) {
    case Reduce::max: return (b > a || b != b) ? b : a;
    case Reduce::min: return (b < a || b != b) ? b : a;
    case Reduce::prod: return a * b;
    default: return a + b;
  }
}

int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// x [outer, length] → y [outer]
void reduceRows(Reduce op, int64_t outer, int64_t length, const float* x, float* y, double scale) {
  const int64_t chunks = ceilDivide(length, kChunk);
  if (chunks == 1) {
    parallelFor(outer, ceilDivide(kGrain, length), [&](int64_t begin, int64_t end, int) {
      for (int64_t o = begin; o < end; ++o) y[o] = static_cast<float>(rowOf(op, x + o * length, length) * scale);
    });
    return;
  }
  std::vector<double> partial(static_cast<size_t>(outer * chunks));
  parallelFor(outer * chunks, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t u = begin; u < end; ++u) {
      const int64_t from = (u % chunks) * kChunk, to = from + kChunk < length ? from + kChunk : length;
      partial[static_cast<size_t>(u)] = rowOf(op, x + (u / chunks) * length + from, to - from);
    }
  });
  for (int64_t o = 0; o < outer; ++o) {
    double value = partial[static_cast<size_t>(o * chunks)];
    for (int64_t c = 1; c < chunks; ++c) value = join(op, value, partial[static_cast<size_t>(o * chunks + c)]);
    y[o] = static_cast<float>(value * scale);
  }
}

// x [outer, length, inner] → y [outer, inner]
void reduceColumns(Reduce op, int64_t outer, int64_t length, int64_t inner, const float* x, float* y, double scale) {
  const int64_t block = inner < kColumnBlock ? inner : kColumnBlock;
  const int64_t blocks = ceilDivide(inner, block);
  const int64_t rows = kChunk / block > 64 ? kChunk / block : 64;
  const int64_t chunks = ceilDivide(length, rows);
  const double start = identityOf(op);
  std::vector<double> partial(static_cast<size_t>(chunks > 1 ? outer * chunks * inner : 0));
  const int64_t units = outer * chunks * blocks;
  const int64_t unitSize = block * (length < rows ? length : rows);
  parallelFor(units, ceilDivide(kGrain, unitSize), [&](int64_t begin, int64_t end, int) {
    std::vector<double> local(static_cast<size_t>(chunks > 1 ? 0 : block));
    for (int64_t u = begin; u < end; ++u) {
      const int64_t b = u % blocks, chunk = (u / blocks) % chunks, o = u / (blocks * chunks);
      const int64_t j0 = b * block, columns = j0 + block < inner ? block : inner - j0;
      const int64_t r0 = chunk * rows, many = r0 + rows < length ? rows : length - r0;
      double* const acc = chunks > 1 ? partial.data() + (o * chunks + chunk) * inner + j0 : local.data();
      for (int64_t j = 0; j < columns; ++j) acc[j] = start;
      columnsOf(op, x + (o * length + r0) * inner + j0, many, columns, inner, acc);
      if (chunks == 1) {
        for (int64_t j = 0; j < columns; ++j) y[o * inner + j0 + j] = static_cast<float>(acc[j] * scale);
      }
    }
  });
  if (chunks == 1) return;
  parallelFor(outer * inner, ceilDivide(kGrain, chunks), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const double* const p = partial.data() + (i / inner) * chunks * inner + i % inner;
      double value = p[0];
      for (int64_t c = 1; c < chunks; ++c) value = join(op, value, p[c * inner]);
      y[i] = static_cast<float>(value * scale);
    }
  });
}

struct Group {
  int64_t size;
  bool reduced;
};

}  // namespace

void reduce(Reduce op, const Shape& shape, const std::vector<bool>& reduced, const float* x, float* y) {
  if (shape.size() != reduced.size()) throw std::invalid_argument("reduce: one flag for each axis is wanted");
  std::vector<Group> groups;
  double count = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 1) throw std::invalid_argument("reduce: axes of size 0 are not reduced here");
    if (reduced[i]) count *= static_cast<double>(shape[i]);
    if (shape[i] == 1) continue;
    if (!groups.empty() && groups.back().reduced == reduced[i]) groups.back().size *= shape[i];
    else groups.push_back({shape[i], reduced[i]});
  }
  const Reduce step = op == Reduce::mean ? Reduce::sum : op;
  const double scale = op == Reduce::mean ? 1 / count : 1;
  size_t left = 0;
  for (const Group& g : groups) left += g.reduced ? 1 : 0;
  if (left == 0) {
    int64_t n = 1;
    for (const Group& g : groups) n *= g.size;
    return unary(Unary::pow1, x, y, n, 0, 0);
  }
  // The last reduced group first; what is left is smaller and goes through a buffer.
  std::vector<float> buffers[2];
  const float* source = x;
  for (int pass = 0; left > 0; ++pass, --left) {
    size_t last = groups.size();
    while (!groups[--last].reduced) {
    }
    int64_t outer = 1, inner = 1;
    for (size_t i = 0; i < last; ++i) outer *= groups[i].size;
    for (size_t i = last + 1; i < groups.size(); ++i) inner *= groups[i].size;
    float* target = y;
    if (left > 1) {
      buffers[pass & 1].resize(static_cast<size_t>(outer * inner));
      target = buffers[pass & 1].data();
    }
    const double factor = left > 1 ? 1 : scale;
    if (inner == 1) reduceRows(step, outer, groups[last].size, source, target, factor);
    else reduceColumns(step, outer, groups[last].size, inner, source, target, factor);
    groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(last));
    source = target;
  }
}

void argExtreme(bool largest, int64_t outer, int64_t length, int64_t inner, const float* x, int32_t* y) {
  parallelFor(outer * inner, ceilDivide(kGrain, length > 0 ? length : 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const float* const p = x + (i / inner) * length * inner + i % inner;
      float best = p[0];
      int32_t at = 0;
      for (int64_t k = 1; k < length; ++k) {
        const float v = p[k * inner];
        if (largest ? v > best : v < best) {
          best = v;
          at = static_cast<int32_t>(k);
        }
      }
      y[i] = at;
    }
  });
}

void cumulativeSum(int64_t outer, int64_t length, int64_t inner, const float* x, float* y, bool exclusive, bool reverse) {
  parallelFor(outer * inner, ceilDivide(kGrain, length > 0 ? length : 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t start = (i / inner) * length * inner + i % inner;
      float sum = 0;
      for (int64_t k = 0; k < length; ++k) {
        const int64_t at = start + (reverse ? length - 1 - k : k) * inner;
        if (exclusive) y[at] = sum;
        sum += x[at];
        if (!exclusive) y[at] = sum;
      }
    }
  });
}

}  // namespace limbeck
