// The element-wise half of the fused block: sweeps over one vector of channels of one sample. Names and formulas are those of
// block-pass.h; the offset of a pixel in a plane is its index times kPlane.
#pragma once
#include "conv-pack.h"
#include "conv.h"

namespace limbeck {
namespace LIMBECK_NS {

LIMBECK_INLINE float realPower(float base, float exponent) { return __builtin_powf(base, exponent); }
LIMBECK_INLINE double realPower(double base, double exponent) { return __builtin_pow(base, exponent); }

// How pixels and pooled values belong together: one to one, 2×2 means, means of any size, maxima.
enum Window { kSame, kPairs, kAny, kMaximum };

// A sample's output grid, its pooled grid, and what is the same for all its channels.
template <class T>
struct Grid {
  int64_t oh, ow, ph, pw, size;
  T slope, power;
};

// Per-channel constants at the vector that is swept. Without normalisation: 0, 1, 1, 0.
template <class T>
struct Normal {
  const T *mean, *scale, *gamma, *beta;
};

template <class T, int Act>
LIMBECK_INLINE Vector<T> activate(Vector<T> y, Vector<T> slope) {
  if constexpr (Act == static_cast<int>(Activation::identity)) return y;
  if constexpr (Act == static_cast<int>(Activation::relu)) return y < 0 ? zeros<T>() : y;
  if constexpr (Act == static_cast<int>(Activation::leakyrelu)) return y < 0 ? slope * y : y;
}

// t·φ'(y)
template <class T, int Act>
LIMBECK_INLINE Vector<T> activateBack(Vector<T> y, Vector<T> t, Vector<T> slope) {
  if constexpr (Act == static_cast<int>(Activation::identity)) return t;
  if constexpr (Act == static_cast<int>(Activation::relu)) return y <= 0 ? zeros<T>() : t;
  if constexpr (Act == static_cast<int>(Activation::leakyrelu)) return y <= 0 ? slope * t : t;
}

// |a|^p and its derivative; Power 1, 2, 4, or -1 for any.
template <class T, int Power>
LIMBECK_INLINE Vector<T> raised(Vector<T> a, T power) {
  const Vector<T> size = absolute(a);
  if constexpr (Power == 1) return size;
  if constexpr (Power == 2) return size * size;
  if constexpr (Power == 4) return (size * size) * (size * size);
  T lanes[kLanes<T>];
  store(lanes, size);
  for (int i = 0; i < kLanes<T>; i++) lanes[i] = realPower(lanes[i], power);
  return load(lanes);
}
template <class T, int Power>
LIMBECK_INLINE Vector<T> raisedBack(Vector<T> a, T power) {
  const Vector<T> one = zeros<T>() + T(1), sign = a > 0 ? one : (a < 0 ? -one : a);
  if constexpr (Power == 1) return sign;
  if constexpr (Power == 2) return T(2) * a;
  if constexpr (Power == 4) return T(4) * (a * a) * a;
  T lanes[kLanes<T>], signs[kLanes<T>];
  store(lanes, absolute(a));
  store(signs, sign);
  for (int i = 0; i < kLanes<T>; i++)
    lanes[i] = signs[i] == T(0) ? T(0) : power * signs[i] * realPower(lanes[i], power - T(1));
  return load(lanes);
}

// Mean of each channel into `mean`, sum of squared differences from it into `square`, for one vector of channels. One pass
// about a provisional mean, that of every 16th pixel: its distance to the mean is at most 4 deviations, so that the correction
// costs two digits at worst.
template <class T>
void moments(const T* u, int64_t pixels, T* mean, T* square) {
  using V = Vector<T>;
  constexpr int64_t apart = 16;
  V shift = zeros<T>();
  for (int64_t i = 0; i < pixels; i += apart) shift += load(u + i * kPlane);
  shift /= zeros<T>() + T(ceilDivide(pixels, apart));
  V sums[4] = {}, squares[4] = {};
  int64_t i = 0;
  for (; i + 4 <= pixels; i += 4)
    LIMBECK_UNROLL
    for (int k = 0; k < 4; k++) {
      const V d = load(u + (i + k) * kPlane) - shift;
      sums[k] += d;
      squares[k] += d * d;
    }
  for (; i < pixels; i++) {
    const V d = load(u + i * kPlane) - shift;
    sums[0] += d;
    squares[0] += d * d;
  }
  const V off = ((sums[0] + sums[1]) + (sums[2] + sums[3])) / (zeros<T>() + T(pixels));
  const V total = ((squares[0] + squares[1]) + (squares[2] + squares[3])) - (zeros<T>() + T(pixels)) * off * off;
  store(mean, shift + off);
  store(square, total < 0 ? zeros<T>() : total);
}

template <int Value>
struct Constant {
  static constexpr int value = Value;
};

// Calls f(pixel index, row, column, pooled index, last, slot) for every pixel, windows first where Kind has windows, those outside
// all windows with pooled index -1. `last` ends a window; `slot` is Constant<0> or <1>, so that sums can run in two chains.
template <int Kind, class T, class F>
LIMBECK_INLINE void everyPixel(const Grid<T>& g, const F& f) {
  constexpr Constant<0> even{};
  constexpr Constant<1> odd{};
  const int64_t oh = g.oh, ow = g.ow, pw = g.pw, ph = g.ph;
  if constexpr (Kind == kSame) {
    for (int64_t h = 0; h < oh; h++) {
      int64_t w = 0;
      for (; w + 2 <= ow; w += 2) {
        f(h * ow + w, h, w, h * ow + w, true, even);
        f(h * ow + w + 1, h, w + 1, h * ow + w + 1, true, odd);
      }
      if (w < ow) f(h * ow + w, h, w, h * ow + w, true, even);
    }
    return;
  }
  const int64_t size = Kind == kPairs ? 2 : g.size;
  for (int64_t i = 0; i < ph; i++)
    for (int64_t j = 0; j < pw; j++) {
      const int64_t h = i * size, w = j * size, pixel = h * ow + w, at = i * pw + j;
      if constexpr (Kind == kPairs) {
        f(pixel, h, w, at, false, even);
        f(pixel + 1, h, w + 1, at, false, odd);
        f(pixel + ow, h + 1, w, at, false, even);
        f(pixel + ow + 1, h + 1, w + 1, at, true, odd);
      } else {
        for (int64_t k = 0; k < size; k++)
          for (int64_t l = 0; l < size; l++) f(pixel + k * ow + l, h + k, w + l, at, k + l == 2 * size - 2, even);
      }
    }
  for (int64_t h = 0; h < oh; h++)
    for (int64_t w = h < ph * size ? pw * size : 0; w < ow; w++) f(h * ow + w, h, w, int64_t(-1), false, even);
}

// Pooled activations; when Power is not 0, adds |a|^p to attention [pixels][lanes] and writes its sum over the pixels to `channel`.
template <class T, int Act, int Kind, int Power>
void forwardSweep(const Grid<T>& grid, const Normal<T>& normal, const T* u, T* pooled, int64_t pooledPixel, T* attention, T* channel) {
  using V = Vector<T>;
  constexpr int L = kLanes<T>;
  const Grid<T> g = grid;
  const V m = load(normal.mean), s = load(normal.gamma) * load(normal.scale), beta = load(normal.beta), slopes = splat(g.slope);
  V total = zeros<T>();
  const auto at = [&](int64_t pixel) LIMBECK_LAMBDA_INLINE {
    const V a = activate<T, Act>((load(u + pixel * kPlane) - m) * s + beta, slopes);
    if constexpr (Power != 0) {
      const V size = raised<T, Power>(a, g.power);
      store(attention + pixel * L, load(attention + pixel * L) + size);
      total += size;
    }
    return a;
  };
  const int64_t ow = g.ow, pw = g.pw, size = g.size;
  if constexpr (Kind == kSame) {
    const int64_t pixels = g.oh * ow;
    for (int64_t i = 0; i < pixels; i++) store(pooled + i * pooledPixel, at(i));
    if constexpr (Power != 0) store(channel, total);
    return;
  }
  for (int64_t i = 0; i < g.ph; i++)
    for (int64_t j = 0; j < pw; j++) {
      T* out = pooled + (i * pw + j) * pooledPixel;
      if constexpr (Kind == kPairs) {
        const int64_t pixel = i * 2 * ow + j * 2;
        store(out, ((at(pixel) + at(pixel + 1)) + (at(pixel + ow) + at(pixel + ow + 1))) * T(0.25));
      } else {
        const int64_t corner = (i * ow + j) * size;
        V sum = zeros<T>(), best = zeros<T>();
        for (int64_t k = 0; k < size; k++)
          for (int64_t l = 0; l < size; l++) {
            const V a = at(corner + k * ow + l);
            sum += a;
            best = k + l == 0 ? a : (((a > best) | (a != a)) ? a : best);
          }
        store(out, Kind == kMaximum ? best : sum * (T(1) / T(size * size)));
      }
    }
  if constexpr (Power != 0) {
    for (int64_t h = 0; h < g.oh; h++)
      for (int64_t w = h < g.ph * size ? pw * size : 0; w < ow; w++) at(h * ow + w);
    store(channel, total);
  }
}

// Calls f(pixel index, row, column, pooled index, mask) for every pixel of every window; the mask is true where the maximum
// came from, the first of equal values.
template <class T, int Act, class F>
LIMBECK_INLINE void everyMaximum(const Grid<T>& g, const T* u, Vector<T> m, Vector<T> s, Vector<T> beta, const F& f) {
  using V = Vector<T>;
  const V slopes = splat(g.slope), one = zeros<T>() + T(1);
  const int64_t size = g.size, ow = g.ow, pw = g.pw;
  for (int64_t i = 0; i < g.ph; i++)
    for (int64_t j = 0; j < pw; j++) {
      const int64_t corner = (i * ow + j) * size;
      const auto at = [&](int64_t k, int64_t l) LIMBECK_LAMBDA_INLINE {
        return activate<T, Act>((load(u + (corner + k * ow + l) * kPlane) - m) * s + beta, slopes);
      };
      V best = at(0, 0);
      for (int64_t k = 0; k < size; k++)
        for (int64_t l = 0; l < size; l++) {
          const V a = at(k, l);
          best = ((a > best) | (a != a)) ? a : best;
        }
      V open = one;
      for (int64_t k = 0; k < size; k++)
        for (int64_t l = 0; l < size; l++) {
          const V a = at(k, l);
          const auto hit = ((a == best) | ((a != a) & (best != best))) & (open > 0);
          f(corner + k * ow + l, i * size + k, j * size + l, i * pw + j, hit);
          open = hit ? zeros<T>() : open;
        }
    }
}

// What the first sweep of the backward passes reads and writes for one vector of channels.
template <class T>
struct FirstArguments {
  Normal<T> normal;
  const T* u;
  const T* dpooled;
  int64_t dpooledPixel;
  const T* dattention;  // per pixel, for all channels
  const T* dchannel;    // per channel, for all pixels
  const T* G;
  T* dy;                // at row·dyRow + column·kPlane
  int64_t dyRow;
  T *sumDy, *sumDyz, *sumG, *sumGz, *sumGdy;
};

// dy, Σdy and Σdy·z; with G also ΣG, ΣG·z and ΣG·dy. Power: of the attention whose gradient joins da; 0: none.
template <class T, int Act, int Kind, int Power, bool WithG>
void firstSweep(const Grid<T>& grid, const FirstArguments<T>& a) {
  using V = Vector<T>;
  const Grid<T> g = grid;
  const V m = load(a.normal.mean), r = load(a.normal.scale), s = load(a.normal.gamma) * r, beta = load(a.normal.beta);
  const V slopes = splat(g.slope);
  const T *u = a.u, *dpooled = a.dpooled, *G = a.G, *dattention = a.dattention;
  T* dy = a.dy;
  const int64_t dyRow = a.dyRow, dpooledPixel = a.dpooledPixel;
  const T share = Kind == kPairs ? T(0.25) : T(1) / T(g.size * g.size);
  if constexpr (Kind == kMaximum) {
    for (int64_t h = 0; h < g.oh; h++)
      for (int64_t w = 0; w < g.ow; w++) store(dy + h * dyRow + w * kPlane, zeros<T>());
    everyMaximum<T, Act>(g, u, m, s, beta, [&](int64_t, int64_t h, int64_t w, int64_t at, auto hit) LIMBECK_LAMBDA_INLINE {
      store(dy + h * dyRow + w * kPlane, hit ? load(dpooled + at * dpooledPixel) : zeros<T>());
    });
  }
  const V dchannel = Power != 0 ? load(a.dchannel) : zeros<T>();
  V sumDy[2] = {}, sumDyz[2] = {}, sumG[2] = {}, sumGz[2] = {}, sumGdy[2] = {};
  everyPixel<Kind == kMaximum ? kSame : Kind>(g, [&](int64_t pixel, int64_t h, int64_t w, int64_t at, bool,
                                                     auto slot) LIMBECK_LAMBDA_INLINE {
    constexpr int k = decltype(slot)::value;
    T* to = dy + h * dyRow + w * kPlane;
    const V d = load(u + pixel * kPlane) - m, y = d * s + beta, z = d * r;
    V da;
    if constexpr (Kind == kMaximum) da = load(to);
    else if constexpr (Kind == kSame) da = load(dpooled + at * dpooledPixel);
    else da = at < 0 ? zeros<T>() : load(dpooled + at * dpooledPixel) * share;
    if constexpr (Power != 0) da += (dchannel + dattention[pixel]) * raisedBack<T, Power>(activate<T, Act>(y, slopes), g.power);
    const V t = activateBack<T, Act>(y, da, slopes);
    store(to, t);
    sumDy[k] += t;
    sumDyz[k] += t * z;
    if constexpr (WithG) {
      const V c = load(G + pixel * kPlane);
      sumG[k] += c;
      sumGz[k] += c * z;
      sumGdy[k] += c * t;
    }
  });
  store(a.sumDy, sumDy[0] + sumDy[1]);
  store(a.sumDyz, sumDyz[0] + sumDyz[1]);
  if constexpr (WithG) {
    store(a.sumG, sumG[0] + sumG[1]);
    store(a.sumGz, sumGz[0] + sumGz[1]);
    store(a.sumGdy, sumGdy[0] + sumGdy[1]);
  }
}

// du = s·dy - r·m1 - d·r²·m2 in place, d = u - m.
template <class T>
void secondSweep(const Grid<T>& grid, const Normal<T>& normal, const T* u, const T* mean1, const T* mean2, T* du, int64_t duRow) {
  using V = Vector<T>;
  const Grid<T> g = grid;
  const V m = load(normal.mean), r = load(normal.scale), s = load(normal.gamma) * r;
  const V b3 = r * load(mean1), b4 = r * r * load(mean2);
  for (int64_t h = 0; h < g.oh; h++) {
    T* row = du + h * duRow;
    const T* from = u + h * g.ow * kPlane;
    for (int64_t w = 0; w < g.ow; w++) {
      const V d = load(from + w * kPlane) - m;
      store(row + w * kPlane, s * load(row + w * kPlane) - b3 - b4 * d);
    }
  }
}

// What the second sweep of the backward of the backward reads and writes for one vector of channels.
template <class T>
struct TwiceArguments {
  Normal<T> normal;
  const T *cgamma, *cbeta;
  // Group means: m1, m2, h1, h2, h3, mean(Γdy), mean(Γdy·z).
  const T* means[7];
  const T *u, *G;
  T *du, *ub;  // dy becomes du; ub may be the same as du: it is then not kept
  int64_t row;
  T* gdpooled;
  int64_t gdpooledPixel;
  bool normalised;  // else du = dy and ū = 0
};

template <class T, int Act, int Kind>
void twiceSweep(const Grid<T>& grid, const TwiceArguments<T>& a) {
  using V = Vector<T>;
  const Grid<T> g = grid;
  const V m = load(a.normal.mean), r = load(a.normal.scale), s = load(a.normal.gamma) * r, beta = load(a.normal.beta);
  const V cgamma = load(a.cgamma), cbeta = load(a.cbeta), slopes = splat(g.slope);
  V m1, m2, h1, h2, h3, e1, e2;
  V* const means[7] = {&m1, &m2, &h1, &h2, &h3, &e1, &e2};
  for (int i = 0; i < 7; i++) *means[i] = load(a.means[i]);
  // dȳ = s·G + c3 + c4·d; du = s·dy - b3 - b4·d; ū = a1·G + a2·dy + a3 + a4·d, d = u - m
  const V c3 = cbeta - s * h1, c4 = (cgamma - s * h2) * r;
  const V b3 = r * m1, b4 = r * r * m2;
  const V mean1 = e1 - r * (h1 * m2 + m1 * h2), mean2 = e2 - T(2) * r * h2 * m2, rho = h3 - m1 * h1 - m2 * h2;
  const V a1 = -(r * r) * m2, a2 = r * (cgamma - s * h2), a3 = -r * mean1, a4 = -(r * r) * (mean2 + r * rho);
  const T *u = a.u, *G = a.G;
  T *du = a.du, *ub = a.ub, *gdpooled = a.gdpooled;
  const int64_t row = a.row, gdpooledPixel = a.gdpooledPixel, pooled = g.ph * g.pw;
  const bool normalised = a.normalised;
  const T share = Kind == kPairs ? T(0.25) : T(1) / T(g.size * g.size);
  if constexpr (Kind == kMaximum) {
    for (int64_t i = 0; i < pooled; i++) store(gdpooled + i * gdpooledPixel, zeros<T>());
    everyMaximum<T, Act>(g, u, m, s, beta, [&](int64_t pixel, int64_t, int64_t, int64_t at, auto hit) LIMBECK_LAMBDA_INLINE {
      const V d = load(u + pixel * kPlane) - m;
      const V t = activateBack<T, Act>(d * s + beta, s * load(G + pixel * kPlane) + (c4 * d + c3), slopes);
      T* to = gdpooled + at * gdpooledPixel;
      store(to, hit ? t : load(to));
    });
  }
  V sum = zeros<T>();
  everyPixel<Kind == kMaximum ? kSame : Kind>(g, [&](int64_t pixel, int64_t h, int64_t w, int64_t at, bool last,
                                                     auto) LIMBECK_LAMBDA_INLINE {
    const V d = load(u + pixel * kPlane) - m, c = load(G + pixel * kPlane);
    if constexpr (Kind == kSame) {
      store(gdpooled + at * gdpooledPixel, activateBack<T, Act>(d * s + beta, s * c + (c4 * d + c3), slopes));
    } else if constexpr (Kind != kMaximum) {
      sum += activateBack<T, Act>(d * s + beta, s * c + (c4 * d + c3), slopes);
      if (last) {
        store(gdpooled + at * gdpooledPixel, sum * share);
        sum = zeros<T>();
      }
    }
    if (normalised) {
      T* to = du + h * row + w * kPlane;
      const V dy = load(to);
      store(ub + h * row + w * kPlane, a1 * c + a2 * dy + (a4 * d + a3));
      store(to, s * dy - b3 - b4 * d);
    }
  });
}

// Σ over pixels of a vector of channels at from + row·rowSize + column·kPlane, added to `sum`.
template <class T>
void pixelSum(const Grid<T>& g, const T* from, int64_t rowSize, T* sum) {
  Vector<T> total = zeros<T>();
  for (int64_t h = 0; h < g.oh; h++)
    for (int64_t w = 0; w < g.ow; w++) total += load(from + h * rowSize + w * kPlane);
  store(sum, load(sum) + total);
}

// ---- the same, picked at run time ---------------------------------------------------------------------------------------

template <class T>
using ForwardSweep = void (*)(const Grid<T>&, const Normal<T>&, const T*, T*, int64_t, T*, T*);
template <class T>
using FirstSweep = void (*)(const Grid<T>&, const FirstArguments<T>&);
template <class T>
using TwiceSweep = void (*)(const Grid<T>&, const TwiceArguments<T>&);

template <class T>
int powerKind(T power) {
  return power == T(0) ? 0 : (power == T(1) ? 1 : (power == T(2) ? 2 : (power == T(4) ? 3 : 4)));
}

template <class T, int Act, int Kind>
ForwardSweep<T> forwardSweepFor(int power) {
  static constexpr ForwardSweep<T> all[] = {forwardSweep<T, Act, Kind, 0>, forwardSweep<T, Act, Kind, 1>, forwardSweep<T, Act, Kind, 2>,
                                            forwardSweep<T, Act, Kind, 4>, forwardSweep<T, Act, Kind, -1>};
  return all[power];
}
template <class T, int Act, int Kind>
FirstSweep<T> firstSweepFor(int power, bool withG) {
  static constexpr FirstSweep<T> all[] = {firstSweep<T, Act, Kind, 0, false>, firstSweep<T, Act, Kind, 1, false>,
                                          firstSweep<T, Act, Kind, 2, false>, firstSweep<T, Act, Kind, 4, false>,
                                          firstSweep<T, Act, Kind, -1, false>};
  return withG ? firstSweep<T, Act, Kind, 0, true> : all[power];
}

// f(Constant of the activation, Constant of the window)
template <class F>
auto pick(Activation activation, Window window, const F& f) {
  constexpr int identity = static_cast<int>(Activation::identity), relu = static_cast<int>(Activation::relu),
                leaky = static_cast<int>(Activation::leakyrelu);
  const auto act = [&](auto kind) {
    switch (activation) {
      case Activation::identity: return f(Constant<identity>{}, kind);
      case Activation::relu: return f(Constant<relu>{}, kind);
      default: return f(Constant<leaky>{}, kind);
    }
  };
  switch (window) {
    case kSame: return act(Constant<kSame>{});
    case kPairs: return act(Constant<kPairs>{});
    case kAny: return act(Constant<kAny>{});
    default: return act(Constant<kMaximum>{});
  }
}

}  // namespace LIMBECK_NS
}  // namespace limbeck
