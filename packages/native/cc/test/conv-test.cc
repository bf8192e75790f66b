// Tests of conv.h without Node: every function against plain loops in float64 on random shapes, the block's three passes
// against exact derivatives, the same bits on repeated runs, NaN and empty input. Prints failures; exit code 1 if any.
//
//   conv-test [cases]     default 150 random shapes per function and instruction set
#define LIMBECK_NS testing
#define LIMBECK_VECTOR_BYTES 16
#define LIMBECK_TILE_PIXELS 4
#define LIMBECK_TILE_VECTORS 2
#include "../block-impl.h"
#include "../conv-pass.h"
#include "../gemm-impl.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

#include "../isa.h"
#include "../pool.h"
#include "reference.h"

using namespace limbeck;
using namespace reference;
using Doubles = limbeck::testing::Plain<double>;
using Floats = std::vector<float>;
using Values = std::vector<double>;

static int failures = 0;
static int checks = 0;

static std::string describe(const ConvShape& s) {
  char text[200];
  std::snprintf(text, sizeof text, "n%ld %ldx%ldx%ld o%ld k%ldx%ld s%ld,%ld p%ld,%ld out %ldx%ld", long(s.n), long(s.h), long(s.w), long(s.c),
                long(s.o), long(s.kh), long(s.kw), long(s.strideH), long(s.strideW), long(s.padTop), long(s.padLeft), long(s.oh), long(s.ow));
  return text;
}
static std::string describe(const BlockShape& b) {
  char text[200];
  std::snprintf(text, sizeof text, " norm%d groups%ld act%d pool%d/%ld power%g", int(b.norm), long(b.groups), int(b.activation), int(b.pool),
                long(b.poolSize), double(b.attentionPower));
  return describe(b.conv) + text;
}

static void expect(bool ok, const std::string& what) {
  checks++;
  if (ok) return;
  if (failures++ < 40) std::printf("FAILED %s\n", what.c_str());
}

static Floats narrow(const Values& v) { return Floats(v.begin(), v.end()); }
static float* orNull(Floats& v) { return v.empty() ? nullptr : v.data(); }
static double* orNull(Values& v) { return v.empty() ? nullptr : v.data(); }
static const double* orNull(const Values& v) { return v.empty() ? nullptr : v.data(); }

template <class A>
static void expectClose(const std::vector<A>& got, const Values& want, const Values& scale, double tolerance, const std::string& what) {
  double worst = 0;
  for (size_t i = 0; i < want.size(); i++) {
    const double error = std::fabs(static_cast<double>(got[i]) - want[i]) / (scale[i] + 1e-30);
    if (!(error <= worst)) worst = error;
  }
  char text[64];
  std::snprintf(text, sizeof text, ": error %.2e, allowed %.0e", worst, tolerance);
  expect(worst <= tolerance, what + text);
}

// Largest difference over largest value; what is zero in truth (numbers here are about 1) may be rounding.
template <class A, class B>
static double relative(const std::vector<A>& got, const std::vector<B>& want) {
  double difference = 0, size = 1e-2;
  for (size_t i = 0; i < want.size(); i++) {
    const double d = std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    if (!(d <= difference)) difference = d;
    size = std::fmax(size, std::fabs(static_cast<double>(want[i])));
  }
  return difference / size;
}

static ConvShape randomShape(Random& random, bool square) {
  ConvShape s{};
  s.n = random.pick<int64_t>({1, 1, 2, 3, 5});
  s.kh = random.pick<int64_t>({1, 2, 3, 3, 3, 5, 7});
  s.kw = square ? s.kh : random.pick<int64_t>({1, 2, 3, 3, 3, 5, 7});
  s.strideH = random.pick<int64_t>({1, 1, 1, 2, 3});
  s.strideW = square ? s.strideH : random.pick<int64_t>({1, 1, 1, 2, 3});
  s.c = random.pick<int64_t>({1, 3, 4, 8, 10, 16, 17, 20, 32, 40});
  s.o = random.pick<int64_t>({1, 3, 5, 8, 10, 16, 17, 24, 32, 33, 48, 50, 64});
  s.padTop = random.between(0, 4);
  s.padLeft = square ? s.padTop : random.between(0, 4);
  const int64_t padBottom = square ? s.padTop : random.between(0, 4), padRight = square ? s.padTop : random.between(0, 4);
  s.h = random.between(1, 11), s.w = random.between(1, 13);
  while (s.h + s.padTop + padBottom < s.kh) s.h++;
  while (s.w + s.padLeft + padRight < s.kw) s.w++;
  s.oh = (s.h + s.padTop + padBottom - s.kh) / s.strideH + 1;
  s.ow = (s.w + s.padLeft + padRight - s.kw) / s.strideW + 1;
  return s;
}

static void testConvolution(const ConvShape& s, Random& random, double tolerance, const std::string& name) {
  const Values x = random.vector(s.n * s.h * s.w * s.c), w = random.vector(s.kh * s.kw * s.c * s.o), bias = random.vector(s.o);
  const Values dy = random.vector(s.n * s.oh * s.ow * s.o);
  Values y(dy.size()), ySize(dy.size()), dx(x.size()), dxSize(x.size()), dw(w.size()), dwSize(w.size());
  for (size_t i = 0; i < y.size(); i++) y[i] = bias[i % static_cast<size_t>(s.o)], ySize[i] = std::fabs(y[i]);
  everyProduct(s, [&](size_t i, size_t k, size_t j) {
    y[j] += x[i] * w[k], ySize[j] += std::fabs(x[i] * w[k]);
    dx[i] += dy[j] * w[k], dxSize[i] += std::fabs(dy[j] * w[k]);
    dw[k] += x[i] * dy[j], dwSize[k] += std::fabs(x[i] * dy[j]);
  });
  const Floats xf = narrow(x), wf = narrow(w), biasf = narrow(bias), dyf = narrow(dy);
  const float untouched = std::numeric_limits<float>::quiet_NaN();
  Floats yf(y.size(), untouched), dxf(x.size(), untouched), dwf(w.size(), untouched);
  const std::string what = name + " " + describe(s);
  convForward(s, xf.data(), wf.data(), biasf.data(), yf.data());
  expectClose(yf, y, ySize, tolerance, "convForward " + what);
  convBackwardInput(s, dyf.data(), wf.data(), dxf.data());
  expectClose(dxf, dx, dxSize, tolerance, "convBackwardInput " + what);
  convBackwardFilter(s, xf.data(), dyf.data(), dwf.data());
  expectClose(dwf, dw, dwSize, tolerance, "convBackwardFilter " + what);
  const Floats first = dwf;
  convBackwardFilter(s, xf.data(), dyf.data(), dwf.data());
  expect(std::memcmp(first.data(), dwf.data(), first.size() * sizeof(float)) == 0, "convBackwardFilter same bits " + what);
}

static void testDoubleConvolution(const ConvShape& s, Random& random) {
  const Values x = random.vector(s.n * s.h * s.w * s.c), w = random.vector(s.kh * s.kw * s.c * s.o);
  const Values dy = random.vector(s.n * s.oh * s.ow * s.o);
  Values y(dy.size()), dx(x.size()), dw(w.size()), y2(dy.size()), dx2(x.size()), dw2(w.size());
  everyProduct(s, [&](size_t i, size_t k, size_t j) { y[j] += x[i] * w[k], dx[i] += dy[j] * w[k], dw[k] += x[i] * dy[j]; });
  limbeck::testing::convForwardPass<Doubles>(s, x.data(), w.data(), nullptr, y2.data());
  limbeck::testing::convBackwardInputPass<Doubles>(s, dy.data(), w.data(), dx2.data());
  limbeck::testing::convBackwardFilterPass<Doubles>(s, x.data(), dy.data(), dw2.data());
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

// ---- the block ------------------------------------------------------------------------------------------------------

struct BlockCase {
  BlockShape shape{};
  BlockValues<double> in, direction, cotangent;  // direction: of the derivative; cotangent: of the backward pass's outputs
  Values dpooled, dattention, dpooledDirection;
};

static BlockCase randomBlock(Random& random) {
  BlockCase c;
  BlockShape& b = c.shape;
  b.conv = randomShape(random, true);
  b.norm = random.between(0, 3) ? Norm::group : Norm::none;
  if (b.norm == Norm::group) {
    const int64_t kind = random.between(0, 3);
    b.groups = kind == 0 ? 1 : b.conv.o;
    for (int64_t d = 2; kind == 1 && d < b.conv.o; d++)
      if (b.conv.o % d == 0) {
        b.groups = d;
        break;
      }
  }
  b.epsilon = 0.03f;  // large enough that single-pixel sets keep gentle derivatives
  b.activation = random.pick({Activation::identity, Activation::relu, Activation::relu, Activation::leakyrelu});
  b.slope = 0.125f;
  b.pool = random.pick({Pool::none, Pool::average, Pool::average, Pool::max});
  b.poolSize = random.pick<int64_t>({1, 2, 2, 3});
  if (b.pool != Pool::none && (b.conv.oh < b.poolSize || b.conv.ow < b.poolSize)) b.poolSize = 1;
  b.attentionPower = random.pick({0.f, 0.f, 1.f, 2.f, 4.f, 2.5f});
  const ConvShape& s = b.conv;
  const bool bias = random.coin(), gamma = b.norm == Norm::group && random.between(0, 3), beta = gamma || random.between(0, 3) == 0;
  const auto fill = [&](BlockValues<double>& v, double scale) {
    v.x = random.vector(s.n * s.h * s.w * s.c);
    v.filter = random.vector(s.kh * s.kw * s.c * s.o, scale);
    if (bias) v.bias = random.vector(s.o);
    if (gamma) v.gamma = random.vector(s.o, 0.5, 1);
    if (b.norm == Norm::group && beta) v.beta = random.vector(s.o);
  };
  const double scale = 1 / std::sqrt(static_cast<double>(s.kh * s.kw * s.c));
  fill(c.in, scale);
  fill(c.direction, scale);
  fill(c.cotangent, scale);
  const int64_t pooled = s.n * b.ph() * b.pw() * s.o;
  c.dpooled = random.vector(pooled);
  c.dpooledDirection = random.vector(pooled);
  if (b.attentionPower > 0) c.dattention = random.vector(s.n * s.oh * s.ow);
  return c;
}

using Pass = limbeck::testing::BlockPass<Doubles>;

static limbeck::testing::Inputs<double> inputs(const BlockValues<double>& v) {
  return {v.x.data(), v.filter.data(), orNull(v.bias), orNull(v.gamma), orNull(v.beta)};
}

static BlockValues<double> likeInputs(const BlockCase& c, double value) {
  BlockValues<double> out;
  out.x.assign(c.in.x.size(), value), out.filter.assign(c.in.filter.size(), value), out.bias.assign(c.in.bias.size(), value);
  out.gamma.assign(c.in.gamma.size(), value), out.beta.assign(c.in.beta.size(), value);
  return out;
}

static double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); i++) sum += a[i] * b[i];
  return sum;
}

static std::vector<Dual> duals(const Values& v, const Values* first, const Values* second) {
  std::vector<Dual> out;
  for (size_t i = 0; i < v.size(); i++) out.emplace_back(v[i], first ? (*first)[i] : 0, second ? (*second)[i] : 0);
  return out;
}

template <class A>
static double projected(const std::vector<Dual>& pooled, const std::vector<Dual>& attention, const BlockCase& c, const A& part) {
  double sum = 0;
  for (size_t i = 0; i < pooled.size(); i++) sum += part(pooled[i]) * c.dpooled[i];
  for (size_t i = 0; i < c.dattention.size(); i++) sum += part(attention[i]) * c.dattention[i];
  return sum;
}

static void expectNear(double got, double want, double size, double tolerance, const std::string& what) {
  char text[96];
  std::snprintf(text, sizeof text, ": got %.15g, want %.15g", got, want);
  expect(std::fabs(got - want) <= tolerance * (size + std::fabs(want)), what + text);
}

// Members of BlockValues, to take one direction at a time.
static Values BlockValues<double>::*const members[] = {&BlockValues<double>::x, &BlockValues<double>::filter, &BlockValues<double>::bias,
                                                       &BlockValues<double>::gamma, &BlockValues<double>::beta};
static const char* const memberNames[] = {"x", "filter", "bias", "gamma", "beta"};

static BlockValues<Dual> lift(const BlockCase& c, int first, int second) {
  // `first`: member that moves along `direction`; `second`: member that moves along `cotangent`; -1: none, 9: all.
  BlockValues<Dual> out;
  std::vector<Dual> BlockValues<Dual>::*const lifted[] = {&BlockValues<Dual>::x, &BlockValues<Dual>::filter, &BlockValues<Dual>::bias,
                                                          &BlockValues<Dual>::gamma, &BlockValues<Dual>::beta};
  for (int m = 0; m < 5; m++)
    out.*lifted[m] = duals(c.in.*members[m], first == m ? &(c.direction.*members[m]) : nullptr,
                           second == m || second == 9 ? &(c.cotangent.*members[m]) : nullptr);
  return out;
}

static void testDoubleBlock(const BlockCase& c, bool useSaved) {
  const BlockShape& b = c.shape;
  const std::string what = describe(b) + (useSaved ? " saved" : "");
  const Pass pass(b);
  const auto truth = block(b, c.in);
  if (truth.nearestKink < 1e-9) return;
  Values pooled(truth.pooled.size()), attention(truth.attention.size());
  Values saved(static_cast<size_t>(useSaved ? pass.savedSample() * b.conv.n : 0));
  pass.forward(inputs(c.in), pooled.data(), orNull(attention), orNull(saved));
  expect(relative(pooled, truth.pooled) < 1e-12, "block forward " + what);
  if (b.attentionPower > 0) expect(relative(attention, truth.attention) < 1e-12, "block attention " + what);

  // Backward: every output along a direction of its own against the exact derivative.
  BlockValues<double> d = likeInputs(c, 7);
  Pass::Request q{};
  q.dpooled = c.dpooled.data(), q.dattention = orNull(c.dattention);
  q.dx = d.x.data(), q.dfilter = d.filter.data(), q.dbias = orNull(d.bias), q.dgamma = orNull(d.gamma), q.dbeta = orNull(d.beta);
  pass.backward(inputs(c.in), orNull(saved), q);
  for (int m = 0; m < 5; m++) {
    if ((c.in.*members[m]).empty()) continue;
    const auto r = block(b, lift(c, m, -1));
    const double want = projected(r.pooled, r.attention, c, [](const Dual& v) { return v.a; });
    double size = 0;
    for (size_t i = 0; i < (d.*members[m]).size(); i++) size += std::fabs((d.*members[m])[i] * (c.direction.*members[m])[i]);
    expectNear(dot(d.*members[m], c.direction.*members[m]), want, size + 1, 1e-12, std::string("block backward d") + memberNames[m] + " " + what);
  }
  // Outputs one at a time are the same bits.
  for (int m = 0; m < 5; m++) {
    if ((c.in.*members[m]).empty()) continue;
    BlockValues<double> only = likeInputs(c, 7);
    Pass::Request one = q;
    double** const outputs[] = {&one.dx, &one.dfilter, &one.dbias, &one.dgamma, &one.dbeta};
    for (int k = 0; k < 5; k++) *outputs[k] = k == m ? (only.*members[m]).data() : nullptr;
    pass.backward(inputs(c.in), orNull(saved), one);
    expect(relative(only.*members[m], d.*members[m]) < 1e-13, std::string("block backward only d") + memberNames[m] + " " + what);
  }
  if (b.attentionPower > 0) return;

  // Backward of backward: mixed second derivatives of ⟨pooled, dpooled⟩ along (cotangent, direction).
  for (int given = 9; given >= -1; given = given == 9 ? 4 : given - 1) {
    if (given >= 0 && given < 5 && (c.in.*members[given]).empty()) continue;
    BlockValues<double> e = likeInputs(c, 7);
    Values gdpooled(c.dpooled.size(), 7);
    const auto cotangent = [&](int m) { return given == 9 || given == m ? orNull(c.cotangent.*members[m]) : nullptr; };
    Pass::Request t{};
    t.twice = true;
    t.dpooled = c.dpooled.data();
    t.cx = cotangent(0), t.cfilter = cotangent(1), t.cbias = cotangent(2), t.cgamma = cotangent(3), t.cbeta = cotangent(4);
    t.gdpooled = gdpooled.data(), t.dx = e.x.data(), t.dfilter = e.filter.data();
    t.dbias = orNull(e.bias), t.dgamma = orNull(e.gamma), t.dbeta = orNull(e.beta);
    pass.backward(inputs(c.in), orNull(saved), t);
    const std::string label = std::string(" given ") + (given == 9 ? "all" : (given < 0 ? "none" : memberNames[given])) + " " + what;
    const auto tangent = block(b, lift(c, -1, given));
    double want = 0, got = 0, size = 1;
    for (size_t i = 0; i < gdpooled.size(); i++) {
      want += tangent.pooled[i].b * c.dpooledDirection[i];
      got += gdpooled[i] * c.dpooledDirection[i];
      size += std::fabs(gdpooled[i] * c.dpooledDirection[i]);
    }
    expectNear(got, want, size, 1e-12, "block twice gdpooled" + label);
    for (int m = 0; m < 5; m++) {
      if ((c.in.*members[m]).empty()) continue;
      const auto r = block(b, lift(c, m, given));
      const double mixed = projected(r.pooled, r.attention, c, [](const Dual& v) { return v.ab; });
      double magnitude = 1;
      for (size_t i = 0; i < (e.*members[m]).size(); i++) magnitude += std::fabs((e.*members[m])[i] * (c.direction.*members[m])[i]);
      expectNear(dot(e.*members[m], c.direction.*members[m]), mixed, magnitude, 1e-12,
                 std::string("block twice g") + memberNames[m] + label);
    }
  }
}

static double worstForward = 0, worstBackward = 0, worstTwice = 0;

// Root mean square difference over root mean square: for bfloat16, where values near a kink or a tie fall on either side of it.
template <class A>
static double relativeSquares(const std::vector<A>& got, const Values& want) {
  double difference = 0, size = 1e-4 * static_cast<double>(want.size()) + 1e-30;
  for (size_t i = 0; i < want.size(); i++) {
    difference += std::pow(static_cast<double>(got[i]) - want[i], 2);
    size += want[i] * want[i];
  }
  return std::sqrt(difference / size);
}

// float32 passes of the instruction set in use against the float64 ones.
static void testFloatBlock(const BlockCase& c, double tolerance, bool exact, const std::string& name) {
  const BlockShape& b = c.shape;
  const std::string what = name + " " + describe(b);
  if (exact && block(b, c.in).nearestKink < 2e-4) return;
  // One value normalised by itself: every gradient through it is 0, and what remains is rounding.
  if (b.norm == Norm::group && b.conv.oh * b.conv.ow * b.conv.o == b.groups) return;
  if (!exact && (b.pool == Pool::max || b.attentionPower == 1.f)) return;
  const auto error = [exact](const Floats& got, const Values& want) { return exact ? relative(got, want) : relativeSquares(got, want); };
  const Pass pass(b);
  Values pooled(c.dpooled.size()), attention(c.dattention.size());
  pass.forward(inputs(c.in), pooled.data(), orNull(attention), nullptr);
  const Floats x = narrow(c.in.x), filter = narrow(c.in.filter), dpooled = narrow(c.dpooled);
  Floats bias = narrow(c.in.bias), gamma = narrow(c.in.gamma), beta = narrow(c.in.beta), dattention = narrow(c.dattention);
  const BlockInputs in{x.data(), filter.data(), orNull(bias), orNull(gamma), orNull(beta)};
  Floats saved(static_cast<size_t>(blockSavedSize(b)));
  const float untouched = std::numeric_limits<float>::quiet_NaN();
  Floats pooledF(pooled.size(), untouched), attentionF(attention.size(), untouched);
  blockForward(b, in, pooledF.data(), orNull(attentionF), saved.data());
  worstForward = std::fmax(worstForward, error(pooledF, pooled));
  expect(error(pooledF, pooled) < tolerance && error(attentionF, attention) < tolerance, "float block forward " + what);

  for (int twice = 0; twice < (b.attentionPower > 0 ? 1 : 2); twice++) {
    BlockValues<double> d = likeInputs(c, 0);
    Values gdpooled(pooled.size());
    Pass::Request q{};
    q.dpooled = c.dpooled.data(), q.dattention = orNull(c.dattention), q.twice = twice;
    q.dx = d.x.data(), q.dfilter = d.filter.data(), q.dbias = orNull(d.bias), q.dgamma = orNull(d.gamma), q.dbeta = orNull(d.beta);
    Floats dx(x.size(), untouched), df(filter.size(), untouched), db(bias.size(), untouched), dg(gamma.size(), untouched);
    Floats dbeta(beta.size(), untouched), gdpooledF(pooled.size(), untouched);
    const Floats cx = narrow(c.cotangent.x), cfilter = narrow(c.cotangent.filter);
    Floats cbias = narrow(c.cotangent.bias), cgamma = narrow(c.cotangent.gamma), cbeta = narrow(c.cotangent.beta);
    if (twice) {
      q.gdpooled = gdpooled.data();
      q.cx = c.cotangent.x.data(), q.cfilter = c.cotangent.filter.data(), q.cbias = orNull(c.cotangent.bias);
      q.cgamma = orNull(c.cotangent.gamma), q.cbeta = orNull(c.cotangent.beta);
    }
    pass.backward(inputs(c.in), nullptr, q);
    Floats before;
    for (int run = 0; run < 2; run++) {
      const float* keep = run == 0 ? saved.data() : nullptr;
      if (twice)
        blockBackwardBackward(b, in, keep, dpooled.data(), cx.data(), cfilter.data(), orNull(cbias), orNull(cgamma), orNull(cbeta),
                              gdpooledF.data(), dx.data(), df.data(), orNull(db), orNull(dg), orNull(dbeta));
      else
        blockBackward(b, in, keep, dpooled.data(), orNull(dattention), dx.data(), df.data(), orNull(db), orNull(dg), orNull(dbeta));
      double worst = std::fmax(error(dx, d.x), error(df, d.filter));
      worst = std::fmax(worst, error(dg, d.gamma));
      if (!twice) worst = std::fmax(worst, error(dbeta, d.beta));
      // The bias in front of instance normalisation has no gradient but rounding.
      if (b.norm == Norm::none) worst = std::fmax(worst, error(db, d.bias));
      if (twice) worst = std::fmax(worst, error(gdpooledF, gdpooled));
      (twice ? worstTwice : worstBackward) = std::fmax(twice ? worstTwice : worstBackward, worst);
      char text[40];
      std::snprintf(text, sizeof text, " (error %.1e)", worst);
      expect(worst < tolerance * (twice ? 4 : 2), std::string(twice ? "float block twice " : "float block backward ") + what + text);
      if (run == 1) expect(relative(before, df) < tolerance, "float block recomputed " + what);
      before = df;
    }
    Floats again(filter.size());
    if (twice)
      blockBackwardBackward(b, in, nullptr, dpooled.data(), cx.data(), cfilter.data(), orNull(cbias), orNull(cgamma), orNull(cbeta),
                            nullptr, nullptr, again.data(), nullptr, nullptr, nullptr);
    else
      blockBackward(b, in, nullptr, dpooled.data(), orNull(dattention), nullptr, again.data(), nullptr, nullptr, nullptr);
    expect(std::memcmp(again.data(), df.data(), df.size() * sizeof(float)) == 0, "float block same bits " + what);
  }
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
      for (const Norm norm : {Norm::none, Norm::group})
        for (const Activation activation : {Activation::identity, Activation::relu, Activation::leakyrelu}) {
          BlockShape b{s, norm, 16, 1e-5f, activation, 0.1f, pool, 2, 2.f};
          Floats pooled(static_cast<size_t>(2 * b.ph() * b.pw() * 16)), attention(72), saved(static_cast<size_t>(blockSavedSize(b)));
          const BlockInputs in{x.data(), w.data(), nullptr, nullptr, nullptr};
          blockForward(b, in, pooled.data(), attention.data(), saved.data());
          bool all = true;
          for (const float each : pooled) all = all && std::isfinite(each);
          expect(!all, "blockForward passes on what is not finite, " + name);
          const Floats dpooled(pooled.size(), 1.f);
          blockBackward(b, in, saved.data(), dpooled.data(), nullptr, dx.data(), dw.data(), nullptr, nullptr, nullptr);
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
  blockForward(b, in, nullptr, nullptr, nullptr);
  dw.assign(w.size(), 5.f);
  blockBackward(b, in, nullptr, nullptr, nullptr, nullptr, dw.data(), db.data(), nullptr, nullptr);
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

int main(int count, char** arguments) {
  const int cases = count > 1 ? std::atoi(arguments[1]) : 150;
  setThreadCount(2);
  testSelection();
  {
    Random random(1);
    for (int i = 0; i < cases; i++) testDoubleConvolution(randomShape(random, false), random);
    for (int i = 0; i < cases; i++) testDoubleBlock(randomBlock(random), random.coin());
    std::printf("float64: %d checks, %d failures\n", checks, failures);
  }
  for (const std::string& name : availableIsas()) {
    setIsa(name);
    for (const Precision precision : {Precision::highest, Precision::standard}) {
      setPrecision(precision);
      const bool exact = precision == Precision::highest || &kernels() == [] {
        setPrecision(Precision::highest);
        const KernelTable* plain = &kernels();
        setPrecision(Precision::standard);
        return plain;
      }();
      if (precision == Precision::standard && exact) continue;
      const std::string label = name + (exact ? "" : " bfloat16");
      worstForward = worstBackward = worstTwice = 0;
      Random random(2);
      for (int i = 0; i < cases; i++) {
        setThreadCount(1 + i % 3);
        testConvolution(randomShape(random, false), random, exact ? 2e-6 : 1e-2, label);
        testMatmul(random, label);
        testFloatBlock(randomBlock(random), exact ? 2e-5 : 5e-2, exact, label);
      }
      setThreadCount(2);
      testNotFinite(label);
      testEmpty(label);
      std::printf("%s: %d checks, %d failures; block error forward %.1e, backward %.1e, twice %.1e\n", label.c_str(), checks, failures,
                  worstForward, worstBackward, worstTwice);
    }
  }
  return failures ? 1 : 0;
}
