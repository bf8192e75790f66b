// Plain loops that the kernels are tested against, templates over the number type, and the numbers (a + bε₁ + cε₂ + dε₁ε₂) that
// carry exact first and mixed second derivatives through them.
#pragma once
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "../conv.h"

namespace reference {

using limbeck::Activation;
using limbeck::BlockShape;
using limbeck::ConvShape;
using limbeck::Norm;
using limbeck::Pool;

struct Dual {
  double v = 0, a = 0, b = 0, ab = 0;
  Dual() = default;
  Dual(double value) : v(value) {}
  Dual(double value, double first, double second) : v(value), a(first), b(second) {}
};
// f(x) from f, f′ and f″ at x.v
inline Dual chain(const Dual& x, double f, double f1, double f2) {
  Dual r;
  r.v = f, r.a = f1 * x.a, r.b = f1 * x.b, r.ab = f1 * x.ab + f2 * x.a * x.b;
  return r;
}
inline Dual operator+(const Dual& x, const Dual& y) {
  Dual r;
  r.v = x.v + y.v, r.a = x.a + y.a, r.b = x.b + y.b, r.ab = x.ab + y.ab;
  return r;
}
inline Dual operator*(const Dual& x, const Dual& y) {
  Dual r;
  r.v = x.v * y.v, r.a = x.a * y.v + x.v * y.a, r.b = x.b * y.v + x.v * y.b;
  r.ab = x.ab * y.v + x.a * y.b + x.b * y.a + x.v * y.ab;
  return r;
}
inline Dual operator-(const Dual& x, const Dual& y) { return x + Dual(-1) * y; }
inline Dual& operator+=(Dual& x, const Dual& y) { return x = x + y; }
inline double real(const Dual& x) { return x.v; }
inline double real(double x) { return x; }
inline Dual inverseRoot(const Dual& x) {
  const double f = 1 / std::sqrt(x.v);
  return chain(x, f, -0.5 * f / x.v, 0.75 * f / (x.v * x.v));
}
inline double inverseRoot(double x) { return 1 / std::sqrt(x); }
// |x|^p
inline Dual magnitude(const Dual& x, double p) {
  const double m = std::fabs(x.v), sign = x.v > 0 ? 1 : (x.v < 0 ? -1 : 0);
  if (m == 0) return Dual(0);
  return chain(x, std::pow(m, p), sign * p * std::pow(m, p - 1), p * (p - 1) * std::pow(m, p - 2));
}
inline double magnitude(double x, double p) { return std::pow(std::fabs(x), p); }

template <class S>
std::vector<S> conv(const ConvShape& s, const std::vector<S>& x, const std::vector<S>& w, const std::vector<S>& bias) {
  std::vector<S> y(static_cast<size_t>(s.n * s.oh * s.ow * s.o));
  for (int64_t n = 0; n < s.n; n++)
    for (int64_t p = 0; p < s.oh; p++)
      for (int64_t q = 0; q < s.ow; q++)
        for (int64_t o = 0; o < s.o; o++) {
          S sum = bias.empty() ? S(0) : bias[static_cast<size_t>(o)];
          for (int64_t i = 0; i < s.kh; i++)
            for (int64_t j = 0; j < s.kw; j++) {
              const int64_t h = p * s.strideH + i - s.padTop, v = q * s.strideW + j - s.padLeft;
              if (h < 0 || h >= s.h || v < 0 || v >= s.w) continue;
              for (int64_t c = 0; c < s.c; c++)
                sum += x[static_cast<size_t>(((n * s.h + h) * s.w + v) * s.c + c)] *
                       w[static_cast<size_t>(((i * s.kw + j) * s.c + c) * s.o + o)];
            }
          y[static_cast<size_t>(((n * s.oh + p) * s.ow + q) * s.o + o)] = sum;
        }
  return y;
}

// Calls f(input index, filter index, output index) for every product of a convolution.
template <class F>
void everyProduct(const ConvShape& s, const F& f) {
  for (int64_t n = 0; n < s.n; n++)
    for (int64_t p = 0; p < s.oh; p++)
      for (int64_t q = 0; q < s.ow; q++)
        for (int64_t i = 0; i < s.kh; i++)
          for (int64_t j = 0; j < s.kw; j++) {
            const int64_t h = p * s.strideH + i - s.padTop, v = q * s.strideW + j - s.padLeft;
            if (h < 0 || h >= s.h || v < 0 || v >= s.w) continue;
            for (int64_t c = 0; c < s.c; c++)
              for (int64_t o = 0; o < s.o; o++)
                f(static_cast<size_t>(((n * s.h + h) * s.w + v) * s.c + c), static_cast<size_t>(((i * s.kw + j) * s.c + c) * s.o + o),
                  static_cast<size_t>(((n * s.oh + p) * s.ow + q) * s.o + o));
          }
}

template <class S>
struct BlockValues {
  std::vector<S> x, filter, bias, gamma, beta;
};

template <class S>
struct BlockResult {
  std::vector<S> pooled, attention, channelAttention;
  double nearestKink = 1e9;  // smallest |y|: derivatives are only meaningful away from 0
};

template <class S>
BlockResult<S> block(const BlockShape& b, const BlockValues<S>& in) {
  const ConvShape& s = b.conv;
  std::vector<S> u = conv(s, in.x, in.filter, in.bias);
  const int64_t pixels = s.oh * s.ow;
  BlockResult<S> result;
  const auto at = [&](int64_t n, int64_t pixel, int64_t o) -> S& { return u[static_cast<size_t>((n * pixels + pixel) * s.o + o)]; };
  if (b.norm == Norm::group) {
    const int64_t size = s.o / b.groups;
    for (int64_t n = 0; n < s.n; n++)
      for (int64_t g = 0; g < b.groups; g++) {
        S sum(0), square(0);
        const S share(1.0 / static_cast<double>(pixels * size));
        for (int64_t i = 0; i < pixels; i++)
          for (int64_t c = 0; c < size; c++) sum += at(n, i, g * size + c);
        const S mean = sum * share;
        for (int64_t i = 0; i < pixels; i++)
          for (int64_t c = 0; c < size; c++) {
            const S d = at(n, i, g * size + c) - mean;
            square += d * d;
          }
        const S scale = inverseRoot(square * share + S(static_cast<double>(b.epsilon)));
        for (int64_t i = 0; i < pixels; i++)
          for (int64_t c = 0; c < size; c++) {
            const auto o = static_cast<size_t>(g * size + c);
            S& value = at(n, i, g * size + c);
            value = (value - mean) * scale;
            if (!in.gamma.empty()) value = value * in.gamma[o];
            if (!in.beta.empty()) value = value + in.beta[o];
          }
      }
  }
  if (b.norm == Norm::batch)
    for (int64_t o = 0; o < s.o; o++) {
      S sum(0), square(0);
      const S share(1.0 / static_cast<double>(s.n * pixels));
      for (int64_t i = 0; i < s.n * pixels; i++) sum += u[static_cast<size_t>(i * s.o + o)];
      const S mean = sum * share;
      for (int64_t i = 0; i < s.n * pixels; i++) {
        const S d = u[static_cast<size_t>(i * s.o + o)] - mean;
        square += d * d;
      }
      const S scale = inverseRoot(square * share + S(static_cast<double>(b.epsilon)));
      for (int64_t i = 0; i < s.n * pixels; i++) {
        S& value = u[static_cast<size_t>(i * s.o + o)];
        value = (value - mean) * scale;
        if (!in.gamma.empty()) value = value * in.gamma[static_cast<size_t>(o)];
        if (!in.beta.empty()) value = value + in.beta[static_cast<size_t>(o)];
      }
    }
  for (S& value : u) {
    if (b.activation != Activation::identity) result.nearestKink = std::fmin(result.nearestKink, std::fabs(real(value)));
    if (b.activation == Activation::relu && real(value) <= 0) value = S(0);
    if (b.activation == Activation::leakyrelu && real(value) <= 0) value = value * S(static_cast<double>(b.slope));
  }
  if (b.attentionPower > 0)
    for (int64_t i = 0; i < s.n * pixels; i++) {
      S sum(0);
      for (int64_t o = 0; o < s.o; o++) sum += magnitude(u[static_cast<size_t>(i * s.o + o)], static_cast<double>(b.attentionPower));
      result.attention.push_back(sum);
    }
  if (b.attentionPower > 0)
    for (int64_t n = 0; n < s.n; n++)
      for (int64_t o = 0; o < s.o; o++) {
        S sum(0);
        for (int64_t i = 0; i < pixels; i++) sum += magnitude(at(n, i, o), static_cast<double>(b.attentionPower));
        result.channelAttention.push_back(sum);
      }
  const int64_t size = b.pool == Pool::none ? 1 : b.poolSize;
  for (int64_t n = 0; n < s.n; n++)
    for (int64_t i = 0; i < b.ph(); i++)
      for (int64_t j = 0; j < b.pw(); j++)
        for (int64_t o = 0; o < s.o; o++) {
          S sum(0), best = at(n, i * size * s.ow + j * size, o);
          for (int64_t k = 0; k < size; k++)
            for (int64_t l = 0; l < size; l++) {
              const S a = at(n, (i * size + k) * s.ow + j * size + l, o);
              sum += a;
              if (real(a) > real(best)) best = a;
            }
          result.pooled.push_back(b.pool == Pool::max ? best : sum * S(1.0 / static_cast<double>(size * size)));
        }
  return result;
}

struct Random {
  std::mt19937_64 engine;
  explicit Random(uint64_t seed) : engine(seed) {}
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine() % static_cast<uint64_t>(high - low + 1));
  }
  bool coin() { return engine() & 1; }
  template <class T>
  T pick(std::initializer_list<T> list) {
    return list.begin()[between(0, static_cast<int64_t>(list.size()) - 1)];
  }
  double uniform() { return static_cast<double>(engine() >> 11) * 0x1p-52 - 1; }
  std::vector<double> vector(int64_t count, double scale = 1, double shift = 0) {
    std::vector<double> out(static_cast<size_t>(count));
    // Exactly representable in float32, so that both precisions see the same numbers.
    for (double& v : out) v = static_cast<double>(static_cast<float>(uniform() * scale + shift));
    return out;
  }
};

}  // namespace reference
