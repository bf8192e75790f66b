// The fused block's passes: float64 against exact derivatives of a plain forward pass, float32 against float64.
#define LIMBECK_NS testing_blocks
#define LIMBECK_VECTOR_BYTES 16
#define LIMBECK_TILE_PIXELS 4
#define LIMBECK_TILE_VECTORS 2
#include "block-test.h"

#include <cstring>
#include <limits>

#include "../block-backward.h"
#include "check.h"

namespace checks {

using Doubles = limbeck::testing_blocks::Plain<double>;

struct BlockCase {
  BlockShape shape{};
  BlockValues<double> in, direction, cotangent;  // direction: of the derivative; cotangent: of the backward pass's outputs
  Values dpooled, dattention, dchannel, dpooledDirection;
};

static BlockCase randomBlock(Random& random, bool winograd) {
  BlockCase c;
  BlockShape& b = c.shape;
  b.conv = winograd ? winogradShape(random) : randomShape(random, true);
  b.norm = random.pick({Norm::none, Norm::group, Norm::group, Norm::batch});
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
  const bool bias = random.coin(), gamma = b.norm != Norm::none && random.between(0, 3), beta = gamma || random.between(0, 3) == 0;
  const auto fill = [&](BlockValues<double>& v, double scale) {
    v.x = random.vector(s.n * s.h * s.w * s.c);
    v.filter = random.vector(s.kh * s.kw * s.c * s.o, scale);
    if (bias) v.bias = random.vector(s.o);
    if (gamma) v.gamma = random.vector(s.o, 0.5, 1);
    if (b.norm != Norm::none && beta) v.beta = random.vector(s.o);
  };
  const double scale = 1 / std::sqrt(static_cast<double>(s.kh * s.kw * s.c));
  fill(c.in, scale);
  fill(c.direction, scale);
  fill(c.cotangent, scale);
  const int64_t pooled = s.n * b.ph() * b.pw() * s.o;
  c.dpooled = random.vector(pooled);
  c.dpooledDirection = random.vector(pooled);
  if (b.attentionPower > 0) c.dattention = random.vector(s.n * s.oh * s.ow), c.dchannel = random.vector(s.n * s.o);
  return c;
}

using Pass = limbeck::testing_blocks::BlockBackward<Doubles>;

static limbeck::testing_blocks::Inputs<double> inputs(const BlockValues<double>& v) {
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
static double projected(const reference::BlockResult<Dual>& r, const BlockCase& c, const A& part) {
  double sum = 0;
  for (size_t i = 0; i < r.pooled.size(); i++) sum += part(r.pooled[i]) * c.dpooled[i];
  for (size_t i = 0; i < c.dattention.size(); i++) sum += part(r.attention[i]) * c.dattention[i];
  for (size_t i = 0; i < c.dchannel.size(); i++) sum += part(r.channelAttention[i]) * c.dchannel[i];
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

// Mean and biased variance of the convolution's results, by plain loops.
static void testMoments(const BlockCase& c, const Values& moments, const std::string& what) {
  const ConvShape& s = c.shape.conv;
  const Values u = conv(s, c.in.x, c.in.filter, c.in.bias);
  const auto channels = static_cast<size_t>(s.o), count = u.size() / channels;
  Values want(2 * channels);
  for (size_t i = 0; i < u.size(); i++) want[i % channels] += u[i] / static_cast<double>(count);
  for (size_t i = 0; i < u.size(); i++)
    want[channels + i % channels] += std::pow(u[i] - want[i % channels], 2) / static_cast<double>(count);
  expect(relative(moments, want) < 1e-12, "block moments " + what);
}

void testDoubleBlock(Random& random, bool winograd) {
  const BlockCase c = randomBlock(random, winograd);
  const bool useSaved = random.coin();
  const BlockShape& b = c.shape;
  const std::string what = describe(b) + (useSaved ? " saved" : "");
  const Pass pass(b, winograd);
  const auto truth = block(b, c.in);
  if (truth.nearestKink < 1e-9) return;
  Values pooled(truth.pooled.size()), attention(truth.attention.size()), channel(truth.channelAttention.size());
  Values saved(static_cast<size_t>(useSaved ? pass.savedSize() : 0)), moments(static_cast<size_t>(2 * b.conv.o));
  pass.forward(inputs(c.in), pooled.data(), orNull(attention), orNull(channel), orNull(saved),
               b.norm == Norm::batch ? moments.data() : nullptr);
  if (b.norm == Norm::batch) testMoments(c, moments, what);
  expect(relative(pooled, truth.pooled) < 1e-12, "block forward " + what);
  if (b.attentionPower > 0)
    expect(relative(attention, truth.attention) < 1e-12 && relative(channel, truth.channelAttention) < 1e-12, "block attention " + what);

  // Backward: every output along a direction of its own against the exact derivative.
  BlockValues<double> d = likeInputs(c, 7);
  Pass::Request q{};
  q.dpooled = c.dpooled.data(), q.dattention = orNull(c.dattention), q.dchannel = orNull(c.dchannel);
  q.dx = d.x.data(), q.dfilter = d.filter.data(), q.dbias = orNull(d.bias), q.dgamma = orNull(d.gamma), q.dbeta = orNull(d.beta);
  pass.backward(inputs(c.in), orNull(saved), q);
  for (int m = 0; m < 5; m++) {
    if ((c.in.*members[m]).empty()) continue;
    const auto r = block(b, lift(c, m, -1));
    const double want = projected(r, c, [](const Dual& v) { return v.a; });
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
      const double mixed = projected(r, c, [](const Dual& v) { return v.ab; });
      double magnitude = 1;
      for (size_t i = 0; i < (e.*members[m]).size(); i++) magnitude += std::fabs((e.*members[m])[i] * (c.direction.*members[m])[i]);
      expectNear(dot(e.*members[m], c.direction.*members[m]), mixed, magnitude, 1e-12,
                 std::string("block twice g") + memberNames[m] + label);
    }
  }
}

BlockErrors blockErrors;

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

// The nearest numbers of 8 significant bits: a convolution of them is exact in bfloat16, so nothing changes sides at a kink.
static void roundToBfloat16(Values& values) {
  for (double& v : values) {
    int exponent;
    const double fraction = std::frexp(v, &exponent);
    v = std::ldexp(std::nearbyint(fraction * 256), exponent - 8);
  }
}

// float32 passes of the instruction set in use against the float64 ones.
void testFloatBlock(Random& random, Arithmetic arithmetic, const std::string& name) {
  BlockCase c = randomBlock(random, arithmetic == Arithmetic::winograd);
  const bool exact = arithmetic != Arithmetic::bfloat16;
  if (!exact)
    for (BlockValues<double>* each : {&c.in, &c.cotangent}) roundToBfloat16(each->x), roundToBfloat16(each->filter);
  const double tolerance = exact ? 2e-5 : 5e-2;
  const BlockShape& b = c.shape;
  const std::string what = name + " " + describe(b);
  if (block(b, c.in).nearestKink < 2e-4) return;
  // One value normalised by itself: every gradient through it is 0, and what remains is rounding.
  if (b.norm == Norm::group && b.conv.oh * b.conv.ow * b.conv.o == b.groups) return;
  if (b.norm == Norm::batch && b.conv.n * b.conv.oh * b.conv.ow == 1) return;
  const auto error = [exact](const Floats& got, const Values& want) { return exact ? relative(got, want) : relativeSquares(got, want); };
  const Pass pass(b, false);
  Values pooled(c.dpooled.size()), attention(c.dattention.size()), channel(c.dchannel.size());
  pass.forward(inputs(c.in), pooled.data(), orNull(attention), orNull(channel), nullptr, nullptr);
  const Floats x = narrow(c.in.x), filter = narrow(c.in.filter), dpooled = narrow(c.dpooled);
  Floats bias = narrow(c.in.bias), gamma = narrow(c.in.gamma), beta = narrow(c.in.beta), dattention = narrow(c.dattention);
  Floats dchannel = narrow(c.dchannel);
  const BlockInputs in{x.data(), filter.data(), orNull(bias), orNull(gamma), orNull(beta)};
  Floats saved(static_cast<size_t>(blockSavedSize(b)));
  const float untouched = std::numeric_limits<float>::quiet_NaN();
  Floats pooledF(pooled.size(), untouched), attentionF(attention.size(), untouched), channelF(channel.size(), untouched);
  blockForward(b, in, pooledF.data(), orNull(attentionF), orNull(channelF), saved.data(), nullptr);
  blockErrors.forward = std::fmax(blockErrors.forward, error(pooledF, pooled));
  expect(error(pooledF, pooled) < tolerance && error(attentionF, attention) < tolerance && error(channelF, channel) < tolerance, "float block forward " + what);

  for (int twice = 0; twice < (b.attentionPower > 0 ? 1 : 2); twice++) {
    BlockValues<double> d = likeInputs(c, 0);
    Values gdpooled(pooled.size());
    Pass::Request q{};
    q.dpooled = c.dpooled.data(), q.dattention = orNull(c.dattention), q.dchannel = orNull(c.dchannel), q.twice = twice;
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
        blockBackward(b, in, keep, dpooled.data(), orNull(dattention), orNull(dchannel), dx.data(), df.data(), orNull(db), orNull(dg),
                      orNull(dbeta));
      double worst = std::fmax(error(dx, d.x), error(df, d.filter));
      worst = std::fmax(worst, error(dg, d.gamma));
      if (!twice) worst = std::fmax(worst, error(dbeta, d.beta));
      // The bias in front of instance normalisation has no gradient but rounding.
      if (b.norm == Norm::none) worst = std::fmax(worst, error(db, d.bias));
      if (twice) worst = std::fmax(worst, error(gdpooledF, gdpooled));
      (twice ? blockErrors.twice : blockErrors.backward) = std::fmax(twice ? blockErrors.twice : blockErrors.backward, worst);
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
      blockBackward(b, in, nullptr, dpooled.data(), orNull(dattention), orNull(dchannel), nullptr, again.data(), nullptr, nullptr, nullptr);
    expect(std::memcmp(again.data(), df.data(), df.size() * sizeof(float)) == 0, "float block same bits " + what);
  }
}

}  // namespace checks
