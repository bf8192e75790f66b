// Tests of conv.h without Node: every function against plain loops in float64 on random shapes, the block's three passes
// against exact derivatives (block-test.cc), the same bits on repeated runs, NaN and empty input. Prints failures; exit code 1 if any.
//
//   conv-test [cases]     default 150 random shapes per function and instruction set
#define LIMBECK_NS testing
#define LIMBECK_VECTOR_BYTES 16
#define LIMBECK_TILE_PIXELS 4
#define LIMBECK_TILE_VECTORS 2
#include "../conv-pass.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <stdexcept>
#include <tuple>

#include "../amx.h"
#include "../isa.h"
#include "../pool.h"
#include "amx-emulation.h"
#include "block-test.h"
#include "check.h"

using namespace checks;
using Doubles = limbeck::testing::Plain<double>;

// Of an error relative to the sum of the products' magnitudes: of the number itself, but for Winograd of the largest, as a tile's
// rounding reaches all its numbers. There the transforms multiply by up to 8 and cancel again, which costs two to six
// times the rounding of plain sums.
static double convolutionTolerance(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::direct: return 2e-6;
    case Arithmetic::winograd: return 4e-6;
    default: return 1e-2;
  }
}
static double convolutionError = 0;

static void testConvolution(const ConvShape& s, Random& random, Arithmetic arithmetic, const std::string& name) {
  const double tolerance = convolutionTolerance(arithmetic);
  const Values x = random.vector(s.n * s.h * s.w * s.c), w = random.vector(s.kh * s.kw * s.c * s.o), bias = random.vector(s.o);
  const Values dy = random.vector(s.n * s.oh * s.ow * s.o);
  Values y(dy.size()), ySize(dy.size()), dx(x.size()), dxSize(x.size()), dw(w.size()), dwSize(w.size());
  for (size_t i = 0; i < y.size(); i++) y[i] = bias[i % static_cast<size_t>(s.o)], ySize[i] = std::fabs(y[i]);
  everyProduct(s, [&](size_t i, size_t k, size_t j) {
    y[j] += x[i] * w[k], ySize[j] += std::fabs(x[i] * w[k]);
    dx[i] += dy[j] * w[k], dxSize[i] += std::fabs(dy[j] * w[k]);
    dw[k] += x[i] * dy[j], dwSize[k] += std::fabs(x[i] * dy[j]);
  });
  if (arithmetic == Arithmetic::winograd)
    for (Values* sizes : {&ySize, &dxSize, &dwSize}) sizes->assign(sizes->size(), *std::max_element(sizes->begin(), sizes->end()));
  const Floats xf = narrow(x), wf = narrow(w), biasf = narrow(bias), dyf = narrow(dy);
  const float untouched = std::numeric_limits<float>::quiet_NaN();
  Floats yf(y.size(), untouched), dxf(x.size(), untouched), dwf(w.size(), untouched);
  const std::string what = name + " " + describe(s);
  convForward(s, xf.data(), wf.data(), biasf.data(), yf.data());
  convolutionError = std::fmax(convolutionError, expectClose(yf, y, ySize, tolerance, "convForward " + what));
  convBackwardInput(s, dyf.data(), wf.data(), dxf.data());
  convolutionError = std::fmax(convolutionError, expectClose(dxf, dx, dxSize, tolerance, "convBackwardInput " + what));
  convBackwardFilter(s, xf.data(), dyf.data(), dwf.data());
  convolutionError = std::fmax(convolutionError, expectClose(dwf, dw, dwSize, tolerance, "convBackwardFilter " + what));
  const Floats first = dwf;
  convBackwardFilter(s, xf.data(), dyf.data(), dwf.data());
  expect(std::memcmp(first.data(), dwf.data(), first.size() * sizeof(float)) == 0, "convBackwardFilter same bits " + what);
}

static void testDoubleConvolution(const ConvShape& s, bool winograd, Random& random) {
  const Values x = random.vector(s.n * s.h * s.w * s.c), w = random.vector(s.kh * s.kw * s.c * s.o);
  const Values dy = random.vector(s.n * s.oh * s.ow * s.o);
  Values y(dy.size()), dx(x.size()), dw(w.size()), y2(dy.size()), dx2(x.size()), dw2(w.size());
  everyProduct(s, [&](size_t i, size_t k, size_t j) { y[j] += x[i] * w[k], dx[i] += dy[j] * w[k], dw[k] += x[i] * dy[j]; });
  limbeck::testing::convForwardPass<Doubles>(s, winograd, x.data(), w.data(), nullptr, y2.data());
  limbeck::testing::convBackwardInputPass<Doubles>(s, winograd, dy.data(), w.data(), dx2.data());
  limbeck::testing::convBackwardFilterPass<Doubles>(s, winograd, x.data(), dy.data(), dw2.data());
  expect(relative(y2, y) < 1e-13 && relative(dx2, dx) < 1e-13 && relative(dw2, dw) < 1e-13, "float64 convolution " + describe(s));
}

static void testMatmul(Random& random, const std::string& name) {
  const int64_t batch = random.pick<int64_t>({1, 1, 2, 3, 7}), m = random.pick<int64_t>({1, 2, 7, 10, 33, 64, 100});
  const int64_t n = random.pick<int64_t>({1, 3, 10, 16, 31, 64, 90}), k = random.pick<int64_t>({0, 1, 5, 33, 128, 700, 1100});
  const bool ta = random.coin(), tb = random.coin(), oneA = random.between(0, 3) == 0, oneB = random.between(0, 3) == 0;
  const Values a = random.vector((oneA ? 1 : batch) * m * k), b = random.vector((oneB ? 1 : batch) * k * n);
  const int64_t strideA = oneA ? 0 : m * k, strideB = oneB ? 0 : k * n;
  Values c(static_cast<size_t>(batch * m * n)), size(c.size());
  for (int64_t q = 0; q < batch; q++)
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++)
        for (int64_t l = 0; l < k; l++) {
          const double p = a[static_cast<size_t>(q * strideA + (ta ? l * m + i : i * k + l))] *
                           b[static_cast<size_t>(q * strideB + (tb ? j * k + l : l * n + j))];
          c[static_cast<size_t>((q * m + i) * n + j)] += p;
          size[static_cast<size_t>((q * m + i) * n + j)] += std::fabs(p);
        }
  const Floats af = narrow(a), bf = narrow(b);
  Floats cf(c.size(), std::numeric_limits<float>::quiet_NaN());
  matmul(batch, m, n, k, af.data(), strideA, ta, bf.data(), strideB, tb, cf.data());
  char text[160];
  std::snprintf(text, sizeof text, "matmul %s batch %ld m%ld n%ld k%ld %d%d %d%d", name.c_str(), long(batch), long(m), long(n), long(k), ta, tb, oneA,
                oneB);
  expectClose(cf, c, size, 2e-6, text);
}

static bool anyNaN(const Floats& v) {
  for (float each : v)
    if (each != each) return true;
  return false;
}

static void testNotFinite(const std::string& name) {
  ConvShape s{2, 6, 6, 16, 16, 3, 3, 1, 1, 1, 1, 6, 6};
  Random random(5);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Floats x = narrow(random.vector(2 * 36 * 16)), w = narrow(random.vector(9 * 16 * 16)), y(2 * 36 * 16), dw(w.size()), dx(x.size());
    const Floats dy = narrow(random.vector(2 * 36 * 16));
    x[40 * 16 + 3] = bad;
    convForward(s, x.data(), w.data(), nullptr, y.data());
    bool finite = true;
    for (int o = 0; o < 16; o++) finite = finite && std::isfinite(y[static_cast<size_t>(40 * 16 + o)]);
    expect(!finite, "convForward passes on what is not finite, " + name);
    convBackwardFilter(s, x.data(), dy.data(), dw.data());
    expect(!std::isfinite(dw[(4 * 16 + 3) * 16]), "convBackwardFilter passes on what is not finite, " + name);
    for (const Pool pool : {Pool::none, Pool::average, Pool::max})
      for (const Norm norm : {Norm::none, Norm::group, Norm::batch})
        for (const Activation activation : {Activation::identity, Activation::relu, Activation::leakyrelu}) {
          BlockShape b{s, norm, 16, 1e-5f, activation, 0.1f, pool, 2, 2.f};
          Floats pooled(static_cast<size_t>(2 * b.ph() * b.pw() * 16)), attention(72), saved(static_cast<size_t>(blockSavedSize(b)));
          const BlockInputs in{x.data(), w.data(), nullptr, nullptr, nullptr};
          blockForward(b, in, pooled.data(), attention.data(), nullptr, saved.data(), nullptr);
          bool all = true;
          for (const float each : pooled) all = all && std::isfinite(each);
          expect(!all, "blockForward passes on what is not finite, " + name);
          const Floats dpooled(pooled.size(), 1.f);
          blockBackward(b, in, saved.data(), dpooled.data(), nullptr, nullptr, dx.data(), dw.data(), nullptr, nullptr, nullptr);
          expect(!std::isfinite(dw[(4 * 16 + 3) * 16 + 1]), "blockBackward passes on what is not finite, " + name);
        }
    Floats a(16, 1.f), c(16);
    a[5] = bad;
    matmul(1, 4, 4, 4, a.data(), 0, false, w.data(), 0, false, c.data());
    expect(bad == bad ? true : anyNaN(c), "matmul passes on what is not finite, " + name);
  }
}

static void testEmpty(const std::string& name) {
  ConvShape s{0, 6, 6, 16, 16, 3, 3, 1, 1, 1, 1, 6, 6};
  Floats w(9 * 16 * 16, 1.f), dw(w.size(), 5.f), db(16, 5.f);
  convForward(s, nullptr, w.data(), nullptr, nullptr);
  convBackwardInput(s, nullptr, w.data(), nullptr);
  convBackwardFilter(s, nullptr, nullptr, dw.data());
  expect(dw == Floats(w.size(), 0.f), "convBackwardFilter of nothing is zero, " + name);
  BlockShape b{s, Norm::group, 16, 1e-5f, Activation::relu, 0.f, Pool::average, 2, 0.f};
  const BlockInputs in{nullptr, w.data(), nullptr, nullptr, nullptr};
  expect(blockSavedSize(b) == 0, "blockSavedSize of nothing is zero, " + name);
  blockForward(b, in, nullptr, nullptr, nullptr, nullptr, nullptr);
  dw.assign(w.size(), 5.f);
  blockBackward(b, in, nullptr, nullptr, nullptr, nullptr, nullptr, dw.data(), db.data(), nullptr, nullptr);
  expect(dw == Floats(w.size(), 0.f) && db == Floats(16, 0.f), "blockBackward of nothing is zero, " + name);
  matmul(0, 3, 3, 3, nullptr, 0, false, nullptr, 0, false, nullptr);
}

static void testSelection() {
  const std::string before = isa();
  bool thrown = false;
  try {
    setIsa("abacus");
  } catch (const std::invalid_argument& error) {
    thrown = std::string(error.what()).find("portable") != std::string::npos;
  }
  expect(thrown && isa() == before, "setIsa names what this machine has");
  releaseScratch();
  expect(scratchBytes() == 0, "releaseScratch gives all back");
}

// Share of the multiplications of tiles that are of the convolution.
static double tileEfficiency(const ConvShape& s, const std::function<void()>& pass) {
  emulation::products = 0;
  pass();
  return static_cast<double>(s.n * s.oh * s.ow * s.o * s.kh * s.kw * s.c) / (8192. * static_cast<double>(emulation::products));
}

// How well the kernels fill their tiles, that threads leave none behind, and that the check at start would notice wrong kernels.
static void testTiles(const KernelTable& table, const std::string& name) {
  for (const auto& [size, c, o, least] : {std::tuple<int64_t, int64_t, int64_t, double>{32, 128, 128, 0.99},
                                          {16, 128, 128, 0.99},
                                          {8, 128, 128, 0.99},
                                          {4, 128, 128, 0.49},
                                          {28, 64, 64, 0.97},
                                          {32, 3, 128, 0.8}}) {
    const ConvShape s{1, size, size, c, o, 3, 3, 1, 1, 1, 1, size, size};
    const Floats x(static_cast<size_t>(size * size * c), 1.f), w(static_cast<size_t>(9 * c * o), 1.f), dy(static_cast<size_t>(size * size * o), 1.f);
    Floats y(dy.size()), dx(x.size()), dw(w.size());
    const double forward = tileEfficiency(s, [&] { table.convForward(s, x.data(), w.data(), nullptr, y.data()); });
    const double input = tileEfficiency(s, [&] { table.convBackwardInput(s, dy.data(), w.data(), dx.data()); });
    const double filter = tileEfficiency(s, [&] { table.convBackwardFilter(s, x.data(), dy.data(), dw.data()); });
    std::printf("%s %s: of tiles' products useful forward %.3f, input %.3f, filter %.3f\n", name.c_str(), describe(s).c_str(), forward, input,
                filter);
    expect(forward >= least && filter >= least && input >= least, "tiles are full " + name + " " + describe(s));
  }
  expect(!emulation::configured, "no tiles stay configured, " + name);

  expect(sameResults(table, *portableKernels(false)), "the check at start passes, " + name);
  KernelTable wrong = table;
  wrong.convBackwardFilter = [](const ConvShape& s, const float* x, const float* dy, float* dfilter) {
    portableKernels(false)->convBackwardFilter(s, x, dy, dfilter);
    dfilter[0] += 1;
  };
  expect(!sameResults(wrong, table), "the check at start notices a wrong number, " + name);
}

// Whole numbers so small that bfloat16 holds them and all sums are exact: the results are the reference's, bit for bit.
static void testExactly(const ConvShape& s, Random& random, const std::string& name) {
  const auto numbers = [&random](int64_t count) {
    Values v(static_cast<size_t>(count));
    for (double& each : v) each = static_cast<double>(random.between(-8, 8));
    return v;
  };
  const Values x = numbers(s.n * s.h * s.w * s.c), w = numbers(s.kh * s.kw * s.c * s.o), bias = numbers(s.o);
  const Values dy = numbers(s.n * s.oh * s.ow * s.o);
  Values y(dy.size()), dx(x.size()), dw(w.size());
  for (size_t i = 0; i < y.size(); i++) y[i] = bias[i % static_cast<size_t>(s.o)];
  everyProduct(s, [&](size_t i, size_t k, size_t j) { y[j] += x[i] * w[k], dx[i] += dy[j] * w[k], dw[k] += x[i] * dy[j]; });
  const Floats xf = narrow(x), wf = narrow(w), biasf = narrow(bias), dyf = narrow(dy);
  Floats yf(y.size()), dxf(x.size()), dwf(w.size());
  convForward(s, xf.data(), wf.data(), biasf.data(), yf.data());
  convBackwardInput(s, dyf.data(), wf.data(), dxf.data());
  convBackwardFilter(s, xf.data(), dyf.data(), dwf.data());
  expect(yf == narrow(y), "convForward of whole numbers " + name + " " + describe(s));
  expect(dxf == narrow(dx), "convBackwardInput of whole numbers " + name + " " + describe(s));
  expect(dwf == narrow(dw), "convBackwardFilter of whole numbers " + name + " " + describe(s));
}

// The kernels in use.
static void testKernels(const std::string& label, Arithmetic arithmetic, int cases) {
  blockErrors = {};
  convolutionError = 0;
  Random random(2);
  for (int i = 0; i < cases; i++) {
    setThreadCount(1 + i % 3);
    const ConvShape s = arithmetic == Arithmetic::winograd ? winogradShape(random) : randomShape(random, false);
    testConvolution(s, random, arithmetic, label);
    if (arithmetic == Arithmetic::bfloat16) testExactly(s, random, label);
    testMatmul(random, label);
    testFloatBlock(random, arithmetic, label);
  }
  setThreadCount(2);
  testNotFinite(label);
  testEmpty(label);
  std::printf("%s: %d checks, %d failures; convolution error %.1e; block error forward %.1e, backward %.1e, twice %.1e\n", label.c_str(),
              checks::count, failures, convolutionError, blockErrors.forward, blockErrors.backward, blockErrors.twice);
}

// One number that is not finite reaches those results that it is a term of, and no others.
static void testSpread(const ConvShape& s, Random& random, const std::string& name) {
  Floats x = narrow(random.vector(s.n * s.h * s.w * s.c)), dy = narrow(random.vector(s.n * s.oh * s.ow * s.o));
  const Floats w = narrow(random.vector(s.kh * s.kw * s.c * s.o));
  Floats y(dy.size()), dx(x.size());
  const size_t badX = static_cast<size_t>(random.between(0, static_cast<int64_t>(x.size()) - 1));
  const size_t badY = static_cast<size_t>(random.between(0, static_cast<int64_t>(dy.size()) - 1));
  x[badX] = dy[badY] = std::numeric_limits<float>::quiet_NaN();
  std::vector<bool> wantY(y.size()), wantX(x.size());
  everyProduct(s, [&](size_t i, size_t, size_t j) {
    if (i == badX) wantY[j] = true;
    if (j == badY) wantX[i] = true;
  });
  convForward(s, x.data(), w.data(), nullptr, y.data());
  convBackwardInput(s, dy.data(), w.data(), dx.data());
  bool right = true;
  for (size_t i = 0; i < y.size(); i++) right = right && std::isfinite(y[i]) != wantY[i];
  for (size_t i = 0; i < dx.size(); i++) right = right && std::isfinite(dx[i]) != wantX[i];
  expect(right, "what is not finite stays where it belongs, " + name + " " + describe(s));
}

// Widths that fill tiles as they are and such that do not, channels in patches and in planes, steps of more than one row.
static void testLayouts(const std::string& name) {
  Random random(3);
  for (const int64_t width : {15, 16, 31, 32, 33, 97, 112})
    for (const int64_t stride : {1, 2})
      for (const auto& [c, o] : {std::pair<int64_t, int64_t>{3, 16}, {16, 40}, {40, 10}, {64, 32}}) {
        const int64_t k = random.pick<int64_t>({1, 2, 3, 5}), pad = random.between(0, k - 1), padLeft = random.between(0, k - 1);
        const int64_t h = random.between(k, 7), w = (width - 1) * stride + k - padLeft - random.between(0, 1);
        const ConvShape s{2, h, w, c, o, k, k, stride, stride, pad, padLeft, (h + 2 * pad - k) / stride + 1, width};
        testExactly(s, random, name);
        testSpread(s, random, name);
      }
}

static const KernelTable* kernelsOf(const std::string& name, Precision wanted) {
  const Precision before = precision();
  setIsa(name);
  setPrecision(wanted);
  const KernelTable* const table = &kernels();
  setPrecision(before);
  return table;
}

int main(int count, char** arguments) {
  const int cases = count > 1 ? std::atoi(arguments[1]) : 150;
  setThreadCount(2);
  testSelection();
  {
    Random random(1);
    for (int i = 0; i < cases; i++) testDoubleConvolution(randomShape(random, false), false, random);
    for (int i = 0; i < cases; i++) testDoubleBlock(random, false);
    for (int i = 0; i < cases / 5; i++) testDoubleConvolution(winogradShape(random), true, random);
    for (int i = 0; i < cases / 10; i++) testDoubleBlock(random, true);
    std::printf("float64: %d checks, %d failures\n", checks::count, failures);
  }
  bool pairs = false;  // the processor multiplies pairs of bfloat16 numbers
  for (const std::string& name : availableIsas()) {
    setIsa(name);
    for (const Precision precision : {Precision::highest, Precision::high, Precision::standard}) {
      setPrecision(precision);
      if (precision == Precision::highest) testKernels(name, Arithmetic::direct, cases);
      if (precision == Precision::high) testKernels(name + " high", Arithmetic::winograd, cases / 3);
      if (precision != Precision::standard || &kernels() == kernelsOf(name, Precision::high)) continue;
      testKernels(name + " bfloat16", Arithmetic::bfloat16, cases);
      pairs = pairs || name == "avx512";
    }
  }
  for (const KernelTable* table : {amxEmulatedKernels(), pairs ? amxEmulatedVectorKernels() : nullptr}) {
    if (!table) continue;
    const std::string label = table == amxEmulatedKernels() ? "amx emulated" : "amx emulated with vectors";
    useKernels(table);
    testKernels(label, Arithmetic::bfloat16, cases);
    testLayouts(label);
    useKernels(nullptr);
    testTiles(*table, label);
  }
  return failures ? 1 : 0;
}
