// Convolutions, matrix products and the fused block.
#include <initializer_list>
#include <stdexcept>

#include "call.h"
#include "conv.h"

namespace limbeck {
namespace {

void checkConv(Call& call, const ConvShape& s) {
  if (s.n < 1 || s.h < 1 || s.w < 1 || s.c < 1 || s.o < 1 || s.kh < 1 || s.kw < 1 || s.strideH < 1 || s.strideW < 1 || s.oh < 1 ||
      s.ow < 1) {
    call.fail("shape", "sizes and strides of at least 1", 0);
  }
  const auto product = [](std::initializer_list<int64_t> sizes) {
    double all = 1;
    for (const int64_t size : sizes) all *= static_cast<double>(size);
    return all;
  };
  constexpr double most = 4503599627370496.0;  // 2^52
  if (product({s.n, s.h, s.w, s.c}) > most || product({s.n, s.oh, s.ow, s.o}) > most || product({s.kh, s.kw, s.c, s.o}) > most) {
    call.fail("shape", "arrays of at most 2^52 elements", 0);
  }
}

// [n, h, w, c, o, kh, kw, strideH, strideW, padTop, padLeft, oh, ow]
ConvShape convShape(Call& call) {
  const Shape v = call.shape(0, "shape");
  if (v.size() != 13) call.fail("shape", "an array of 13 sizes", 0);
  const ConvShape s{v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12]};
  checkConv(call, s);
  return s;
}

int64_t sizeX(const ConvShape& s) { return s.n * s.h * s.w * s.c; }
int64_t sizeY(const ConvShape& s) { return s.n * s.oh * s.ow * s.o; }
int64_t sizeFilter(const ConvShape& s) { return s.kh * s.kw * s.c * s.o; }

// convForward(shape, x, filter, bias or null, y)
napi_value callConvForward(Call& call) {
  const ConvShape s = convShape(call);
  convForward(s, call.floats(1, "x", sizeX(s)), call.floats(2, "filter", sizeFilter(s)), call.optionalFloats(3, "bias", s.o),
              call.floats(4, "y", sizeY(s)));
  return call.undefined();
}

// convBackwardInput(shape, dy, filter, dx)
napi_value callConvBackwardInput(Call& call) {
  const ConvShape s = convShape(call);
  convBackwardInput(s, call.floats(1, "dy", sizeY(s)), call.floats(2, "filter", sizeFilter(s)), call.floats(3, "dx", sizeX(s)));
  return call.undefined();
}

// convBackwardFilter(shape, x, dy, dfilter)
napi_value callConvBackwardFilter(Call& call) {
  const ConvShape s = convShape(call);
  convBackwardFilter(s, call.floats(1, "x", sizeX(s)), call.floats(2, "dy", sizeY(s)), call.floats(3, "dfilter", sizeFilter(s)));
  return call.undefined();
}

// matmul([batch, m, n, k], a, a repeats, transposeA, b, b repeats, transposeB, c)
napi_value callMatmul(Call& call) {
  const Shape v = call.shape(0, "shape");
  if (v.size() != 4) call.fail("shape", "[batch, m, n, k]", 0);
  const int64_t batch = v[0], m = v[1], n = v[2], k = v[3];
  const bool repeatA = call.boolean(2, "repeatA"), repeatB = call.boolean(5, "repeatB");
  const float* const a = call.floats(1, "a", (repeatA ? 1 : batch) * m * k);
  const float* const b = call.floats(4, "b", (repeatB ? 1 : batch) * k * n);
  float* const c = call.floats(7, "c", batch * m * n);
  matmul(batch, m, n, k, a, repeatA ? 0 : m * k, call.boolean(3, "transposeA"), b, repeatB ? 0 : k * n,
         call.boolean(6, "transposeB"), c);
  return call.undefined();
}

// [n, h, w, c, o, kh, kw, stride, pad, norm, groups, epsilon, activation, slope, pool, poolSize, attentionPower];
// norm, activation and pool are indices into the enumerations of conv.h.
BlockShape blockShape(Call& call) {
  const std::vector<double> v = call.numbers(0, "shape");
  if (v.size() != 17) call.fail("shape", "an array of 17 numbers", 0);
  const auto whole = [&](size_t i, int64_t low, int64_t high) {
    const int64_t value = v[i] >= static_cast<double>(low) && v[i] <= static_cast<double>(high) ? static_cast<int64_t>(v[i]) : low - 1;
    if (value < low || static_cast<double>(value) != v[i]) {
      throw std::invalid_argument(std::string(call.function()) + ": `shape[" + std::to_string(i) + "]`: a whole number from " +
                                  std::to_string(low) + " to " + std::to_string(high) + " is wanted, got " + std::to_string(v[i]));
    }
    return value;
  };
  constexpr int64_t most = int64_t{1} << 31;
  BlockShape s = {};
  ConvShape& c = s.conv;
  c.n = whole(0, 1, most), c.h = whole(1, 1, most), c.w = whole(2, 1, most), c.c = whole(3, 1, most), c.o = whole(4, 1, most);
  c.kh = whole(5, 1, most), c.kw = whole(6, 1, most);
  c.strideH = c.strideW = whole(7, 1, most);
  c.padTop = c.padLeft = whole(8, 0, most);
  c.oh = (c.h + 2 * c.padTop - c.kh) / c.strideH + 1;
  c.ow = (c.w + 2 * c.padLeft - c.kw) / c.strideW + 1;
  if (c.h + 2 * c.padTop < c.kh || c.w + 2 * c.padLeft < c.kw) call.fail("shape", "a filter that fits into the padded image", 0);
  checkConv(call, c);
  s.norm = static_cast<Norm>(whole(9, 0, 2));
  s.groups = whole(10, s.norm == Norm::group ? 1 : 0, s.norm == Norm::group ? c.o : most);
  if (s.norm == Norm::group && c.o % s.groups != 0) call.fail("shape", "a number of groups that divides the channels", 0);
  s.epsilon = static_cast<float>(v[11]);
  s.activation = static_cast<Activation>(whole(12, 0, 2));
  s.slope = static_cast<float>(v[13]);
  s.pool = static_cast<Pool>(whole(14, 0, 2));
  s.poolSize = whole(15, s.pool == Pool::none ? 0 : 1, most);
  s.attentionPower = static_cast<float>(v[16]);
  return s;
}

BlockInputs blockInputs(Call& call, const BlockShape& s) {
  return {call.floats(1, "x", sizeX(s.conv)), call.floats(2, "filter", sizeFilter(s.conv)),
          call.optionalFloats(3, "bias", s.conv.o), call.optionalFloats(4, "gamma", s.conv.o),
          call.optionalFloats(5, "beta", s.conv.o)};
}

int64_t sizePooled(const BlockShape& s) { return s.conv.n * s.ph() * s.pw() * s.conv.o; }
int64_t sizeMap(const BlockShape& s) { return s.conv.n * s.conv.oh * s.conv.ow; }

napi_value callBlockSavedSize(Call& call) { return call.result(static_cast<double>(blockSavedSize(blockShape(call)))); }

// blockForward(shape, x, filter, bias, gamma, beta, pooled, attention, saved, moments, channelAttention)
napi_value callBlockForward(Call& call) {
  const BlockShape s = blockShape(call);
  const BlockInputs in = blockInputs(call, s);
  float* const attention = call.optionalFloats(7, "attention", sizeMap(s));
  if ((attention != nullptr) != (s.attentionPower != 0)) call.fail("attention", "an array exactly where the power is not 0", 7);
  float* const channelAttention = call.optionalFloats(10, "channelAttention", s.conv.n * s.conv.o);
  if (channelAttention != nullptr && attention == nullptr) call.fail("channelAttention", "none where the power is 0", 10);
  blockForward(s, in, call.floats(6, "pooled", sizePooled(s)), attention, channelAttention,
               call.optionalFloats(8, "saved", blockSavedSize(s)), call.optionalFloats(9, "moments", 2 * s.conv.o));
  return call.undefined();
}

// blockBackward(shape, x, filter, bias, gamma, beta, saved, dpooled, dattention, dchannelAttention, dx, dfilter,
//               dbias, dgamma, dbeta)
napi_value callBlockBackward(Call& call) {
  const BlockShape s = blockShape(call);
  const int64_t o = s.conv.o;
  const BlockInputs in = blockInputs(call, s);
  const float* const dattention = call.optionalFloats(8, "dattention", sizeMap(s));
  const float* const dchannelAttention = call.optionalFloats(9, "dchannelAttention", s.conv.n * o);
  if (dchannelAttention != nullptr && dattention == nullptr) call.fail("dchannelAttention", "none without dattention", 9);
  blockBackward(s, in, call.optionalFloats(6, "saved", blockSavedSize(s)), call.floats(7, "dpooled", sizePooled(s)), dattention,
                dchannelAttention, call.optionalFloats(10, "dx", sizeX(s.conv)), call.optionalFloats(11, "dfilter", sizeFilter(s.conv)),
                call.optionalFloats(12, "dbias", o), call.optionalFloats(13, "dgamma", o), call.optionalFloats(14, "dbeta", o));
  return call.undefined();
}

// blockBackwardBackward(shape, x, filter, bias, gamma, beta, saved, dpooled, cx, cfilter, cbias, cgamma, cbeta,
//                       gdpooled, gx, gfilter, gbias, ggamma, gbeta)
napi_value callBlockBackwardBackward(Call& call) {
  const BlockShape s = blockShape(call);
  const int64_t o = s.conv.o, x = sizeX(s.conv), filter = sizeFilter(s.conv), pooled = sizePooled(s);
  const BlockInputs in = blockInputs(call, s);
  blockBackwardBackward(s, in, call.optionalFloats(6, "saved", blockSavedSize(s)), call.floats(7, "dpooled", pooled),
                        call.optionalFloats(8, "cx", x), call.optionalFloats(9, "cfilter", filter), call.optionalFloats(10, "cbias", o),
                        call.optionalFloats(11, "cgamma", o), call.optionalFloats(12, "cbeta", o),
                        call.optionalFloats(13, "gdpooled", pooled), call.optionalFloats(14, "gx", x),
                        call.optionalFloats(15, "gfilter", filter), call.optionalFloats(16, "gbias", o),
                        call.optionalFloats(17, "ggamma", o), call.optionalFloats(18, "gbeta", o));
  return call.undefined();
}

}  // namespace

std::vector<Export> convExports() {
  return {{"convForward", callConvForward},
          {"convBackwardInput", callConvBackwardInput},
          {"convBackwardFilter", callConvBackwardFilter},
          {"matmul", callMatmul}};
}

std::vector<Export> blockExports() {
  return {{"blockSavedSize", callBlockSavedSize},
          {"blockForward", callBlockForward},
          {"blockBackward", callBlockBackward},
          {"blockBackwardBackward", callBlockBackwardBackward}};
}

}  // namespace limbeck
