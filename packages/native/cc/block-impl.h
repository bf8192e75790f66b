// The fused block: convolution → group normalisation → activation → pooling, its backward pass and the backward pass of
// that, one sample at a time through the cache. Formulas and names: per channel and sample, over `pixels` values,
//
//   u = conv(x, w) + b    z = (u - m)·r    y = γz + β    a = φ(y)    pooled = pool(a)    attention = Σ_c |a_c|^p
//   da = unpool(dpooled) + attention's    dy = da·φ'(y)
//   du = r·(γdy - mean(γdy) - z·mean(γdy·z))      dw = corr(x, du)      dx = convT(du, w)
//
// and with cotangents X, W, B, Γ, Β of dx, dw, db, dγ, dβ, writing m1 = mean(γdy), m2 = mean(γdy·z):
//
//   G  = conv(X, w) + conv(x, W) + B       h1 = mean(G)   h2 = mean(G·z)   h3 = mean(G·γdy)
//   gdpooled = pool'((γr·(G - h1 - z·h2) + Γz + Β)·φ'(y))
//   gγ = Σ r·(G - h1 - z·h2)·dy
//   ū  = r·(z̄ - mean(z̄) - z·(mean(z̄·z) + r·ρ)),  z̄ = -r·(G·m2 + γdy·h2) + Γdy,  ρ = h3 - m1·h1 - m2·h2
//   gx = convT(du, W) + convT(ū, w)        gw = corr(X, du) + corr(x, ū)        gb = Σ ū        gβ = 0
//
// All means follow from sums of one sweep over u, G and dpooled, so each pass sweeps the planes twice. Planes of kPlane channels
// are worked on in chunks that hold whole normalisation groups, so that a chunk of u stays in the nearest cache.
#pragma once
#include "conv-impl.h"

namespace limbeck {
namespace LIMBECK_NS {

LIMBECK_INLINE float realPower(float base, float exponent) { return __builtin_powf(base, exponent); }
LIMBECK_INLINE double realPower(double base, double exponent) { return __builtin_pow(base, exponent); }
LIMBECK_INLINE float squareRoot(float value) { return __builtin_sqrtf(value); }
LIMBECK_INLINE double squareRoot(double value) { return __builtin_sqrt(value); }

// BlockInputs of conv.h for any number type.
template <class T>
struct Inputs {
  const T *x, *filter, *bias, *gamma, *beta;
};

template <int Kind>
struct Constant {
  static constexpr int value = Kind;
};

// How a sweep finds da: the same pixel, 2×2 average windows, average windows of any size, or already spread out (maximum).
enum Window { kSame, kPairs, kAny, kSpread };

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

template <class F>
LIMBECK_INLINE void withActivation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::identity: f(Constant<static_cast<int>(Activation::identity)>{}); break;
    case Activation::relu: f(Constant<static_cast<int>(Activation::relu)>{}); break;
    case Activation::leakyrelu: f(Constant<static_cast<int>(Activation::leakyrelu)>{}); break;
  }
}

// A tensor of one sample as vectors of kPlane channels: dense rows of the caller's array, or planes in scratch where the
// channels do not fill the last plane.
template <class T>
struct Channels {
  T* base;
  int64_t pixel, plane;
};

template <class Operand>
struct BlockPass {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  using V = Vector<T>;
  static constexpr int L = kLanes<T>;

  BlockShape s;
  Geometry<Operand> g;
  int64_t pixels, channels, planes, groupSize, ph, pw, windowSize;
  int64_t chunk;        // planes worked on together
  bool normalised, partial;
  T epsilon, slope, power;

  explicit BlockPass(const BlockShape& shape) : s(shape), g(shape.conv) {
    pixels = g.pixels;
    channels = s.conv.o;
    planes = g.outPlanes;
    normalised = s.norm == Norm::group;
    groupSize = normalised ? channels / most(1, s.groups) : 1;
    ph = s.ph(), pw = s.pw();
    windowSize = s.pool == Pool::none ? 1 : s.poolSize;
    const bool inside = kPlane % groupSize == 0;
    chunk = inside ? most(1, kTileVectors * L / kPlane) : planes;
    partial = channels % kPlane != 0;
    epsilon = T(s.epsilon), slope = T(s.slope), power = T(s.attentionPower);
  }

  int64_t padded() const { return planes * kPlane; }
  int64_t planeSize() const { return pixels * kPlane; }
  // Recomputing u costs kh·kw·C multiplications a value, keeping it one write and one read of memory.
  bool keepsOutput() const { return g.s.kh * g.s.kw * g.s.c > 96; }
  int64_t savedSample() const {
    return (keepsOutput() ? planes * planeSize() : 0) + (normalised ? 2 * padded() : 0);
  }
  int64_t chunks() const { return ceilDivide(planes, chunk); }
  int64_t chunkPlanes(int64_t plane) const { return least(chunk, planes - plane); }
  Window window() const {
    if (s.pool == Pool::none) return kSame;
    if (s.pool == Pool::max) return kSpread;
    return windowSize == 2 ? kPairs : (windowSize == 1 ? kSame : kAny);
  }

  template <class F>
  LIMBECK_INLINE void withWindow(const F& f) const {
    switch (window()) {
      case kSame: f(Constant<kSame>{}); break;
      case kPairs: f(Constant<kPairs>{}); break;
      case kAny: f(Constant<kAny>{}); break;
      case kSpread: f(Constant<kSpread>{}); break;
    }
  }

  // ---- parameters and statistics ------------------------------------------------------------------------------------

  // Per-channel constants, padded to whole planes with zeros.
  struct Parameters {
    T *bias, *gamma, *beta, *cbias, *cgamma, *cbeta;
  };
  void takeParameters(Pieces& pieces, Parameters& p) const {
    for (T** each : {&p.bias, &p.gamma, &p.beta, &p.cbias, &p.cgamma, &p.cbeta}) *each = pieces.take<T>(padded());
  }
  void fillParameters(const Parameters& p, const Inputs<T>& in) const {
    padCopy(p.bias, in.bias, channels, padded());
    padCopy(p.beta, in.beta, channels, padded());
    padCopy(p.gamma, in.gamma, channels, padded());
    if (!in.gamma)
      for (int64_t c = 0; c < channels; c++) p.gamma[c] = T(1);
  }

  // Mean and reciprocal deviation per channel (equal within a group; zero past the last channel) of planes [plane, plane + count).
  void statistics(const T* u, int64_t plane, int64_t count, T* mean, T* scale) const {
    for (int64_t p = 0; p < count; p++)
      for (int v = 0; v < kPlane; v += L) {
        const T* from = u + p * planeSize() + v;
        V sums[4] = {};
        int64_t i = 0;
        for (; i + 4 <= pixels; i += 4)
          LIMBECK_UNROLL
          for (int k = 0; k < 4; k++) sums[k] += load(from + (i + k) * kPlane);
        for (; i < pixels; i++) sums[0] += load(from + i * kPlane);
        const V m = ((sums[0] + sums[1]) + (sums[2] + sums[3])) / T(pixels);
        V squares[4] = {};
        for (i = 0; i + 4 <= pixels; i += 4)
          LIMBECK_UNROLL
          for (int k = 0; k < 4; k++) {
            const V d = load(from + (i + k) * kPlane) - m;
            squares[k] += d * d;
          }
        for (; i < pixels; i++) {
          const V d = load(from + i * kPlane) - m;
          squares[0] += d * d;
        }
        store(mean + (plane + p) * kPlane + v, m);
        store(scale + (plane + p) * kPlane + v, (squares[0] + squares[1]) + (squares[2] + squares[3]));
      }
    const int64_t first = plane * kPlane, end = (plane + count) * kPlane, last = least(end, channels);
    for (int64_t c = first; c < last; c += groupSize) {
      T m = 0, square = 0;
      for (int64_t k = 0; k < groupSize; k++) m += mean[c + k];
      m /= T(groupSize);
      for (int64_t k = 0; k < groupSize; k++) {
        const T d = mean[c + k] - m;
        square += scale[c + k] + T(pixels) * d * d;
      }
      const T r = T(1) / squareRoot(square / T(pixels * groupSize) + epsilon);
      for (int64_t k = 0; k < groupSize; k++) mean[c + k] = m, scale[c + k] = r;
    }
    for (int64_t c = most(first, last); c < end; c++) mean[c] = scale[c] = T(0);
  }

  void convolve(const ForwardTables<Operand>& tables, const E* packed, const E* x, const T* start, int64_t plane, int64_t count,
                T* out, bool accumulate) const {
    tables.sweep(g).toPlanes(x, packed, start, pixels, plane * g.vectorsPerPlane, (plane + count) * g.vectorsPerPlane, out,
                             planeSize(), accumulate);
  }

  // ---- dense tensors as channel vectors ------------------------------------------------------------------------------

  Channels<const T> readable(const T* sample, int64_t count, T* staging) const {
    if (!partial) return {sample, channels, kPlane};
    const Planes all{1, count, channels, 1, count, 0, 0, kPlane, planes};
    zero(staging, planes * count * kPlane);
    loadPlanes<Plain<T>>(all, sample, staging);
    return {staging, kPlane, count * kPlane};
  }
  Channels<T> writable(T* sample, int64_t count, T* staging) const {
    if (!partial || !sample) return {sample, channels, kPlane};
    return {staging, kPlane, count * kPlane};
  }
  void settle(T* sample, int64_t count, const T* staging) const {
    if (!partial || !sample) return;
    for (int64_t i = 0; i < count; i++)
      for (int64_t c = 0; c < channels; c++)
        sample[i * channels + c] = staging[(c / kPlane * count + i) * kPlane + c % kPlane];
  }

  // ---- sweeps ----------------------------------------------------------------------------------------------------------

  // Calls f(h, w, t, which) for every pixel, t being what `from` (one value per window) spreads to it, 0 outside all windows.
  // `which` alternates 0, 1 so that f can keep two sums.
  template <int Kind, class F>
  LIMBECK_INLINE void walk(const T* from, int64_t fromPixel, const F& f) const {
    const int64_t size = Kind == kSame ? 1 : (Kind == kPairs ? 2 : windowSize);
    const T share = T(1) / T(size * size);
    const int64_t oh = g.s.oh, ow = g.s.ow;
    for (int64_t h = 0; h < oh; h++) {
      const int64_t row = h / size;
      int64_t w = 0;
      if (row < ph) {
        const T* values = from + row * pw * fromPixel;
        if constexpr (Kind == kSame) {
          for (; w + 2 <= ow; w += 2, values += 2 * fromPixel) {
            f(h, w, load(values), 0);
            f(h, w + 1, load(values + fromPixel), 1);
          }
          if (w < ow) f(h, w, load(values), 0), w++;
        } else {
          for (int64_t i = 0; i < pw; i++, values += fromPixel) {
            const V t = load(values) * share;
            if constexpr (Kind == kPairs) {
              f(h, w, t, 0);
              f(h, w + 1, t, 1);
              w += 2;
            } else {
              for (int64_t k = 0; k < size; k++) f(h, w++, t, 0);
            }
          }
        }
      }
      for (; w < ow; w++) f(h, w, zeros<T>(), 0);
    }
  }

  // The same where every pixel has a value of its own already, at spread + h·row + w·kPlane.
  template <class F>
  LIMBECK_INLINE void walkSpread(const T* spread, int64_t spreadRow, const F& f) const {
    for (int64_t h = 0; h < g.s.oh; h++) {
      const T* row = spread + h * spreadRow;
      int64_t w = 0;
      for (; w + 2 <= g.s.ow; w += 2) {
        f(h, w, load(row + w * kPlane), 0);
        f(h, w + 1, load(row + (w + 1) * kPlane), 1);
      }
      if (w < g.s.ow) f(h, w, load(row + w * kPlane), 0);
    }
  }

  // Where each maximum came from: calls f(h, w, window, mask) for every pixel of every window; the first of equal values wins.
  template <int Act, class F>
  LIMBECK_INLINE void walkMaxima(const T* u, V m, V s1, V beta, V slopes, const F& f) const {
    const int64_t size = windowSize;
    for (int64_t i = 0; i < ph; i++)
      for (int64_t j = 0; j < pw; j++) {
        const auto at = [&](int64_t k, int64_t l) {
          const V y = (load(u + ((i * size + k) * g.s.ow + j * size + l) * kPlane) - m) * s1 + beta;
          return activate<T, Act>(y, slopes);
        };
        V best = at(0, 0);
        for (int64_t k = 0; k < size; k++)
          for (int64_t l = 0; l < size; l++) {
            const V a = at(k, l);
            best = (a > best) | (a != a) ? a : best;
          }
        V open = zeros<T>() + T(1);
        for (int64_t k = 0; k < size; k++)
          for (int64_t l = 0; l < size; l++) {
            const V a = at(k, l);
            const auto hit = ((a == best) | ((a != a) & (best != best))) & (open > 0);
            f(i * size + k, j * size + l, i * pw + j, hit);
            open = hit ? zeros<T>() : open;
          }
      }
  }

  LIMBECK_INLINE V raised(V a) const {
    const V size = absolute(a);
    if (power == T(1)) return size;
    if (power == T(2)) return size * size;
    if (power == T(4)) return (size * size) * (size * size);
    T lanes[L];
    store(lanes, size);
    for (int i = 0; i < L; i++) lanes[i] = realPower(lanes[i], power);
    return load(lanes);
  }
  // d|a|^p / da
  LIMBECK_INLINE V raisedBack(V a) const {
    const V sign = a > 0 ? zeros<T>() + T(1) : (a < 0 ? zeros<T>() - T(1) : a);
    if (power == T(1)) return sign;
    if (power == T(2)) return T(2) * a;
    if (power == T(4)) return T(4) * (a * a) * a;
    T lanes[L], signs[L];
    store(lanes, absolute(a));
    store(signs, sign);
    for (int i = 0; i < L; i++) lanes[i] = signs[i] == T(0) ? T(0) : power * signs[i] * realPower(lanes[i], power - T(1));
    return load(lanes);
  }

  // Pooled activations of one vector of channels; sums |a|^p into attention [pixels][L] when that is not null.
  template <int Act>
  void forwardSweep(const T* u, V m, V s1, V beta, T* pooled, int64_t pooledPixel, T* attention, bool firstAttention) const {
    const V slopes = splat(slope);
    const int64_t size = windowSize, ow = g.s.ow;
    const auto at = [&](int64_t pixel) LIMBECK_LAMBDA_INLINE {
      return activate<T, Act>((load(u + pixel * kPlane) - m) * s1 + beta, slopes);
    };
    if (s.pool == Pool::none || size == 1) {
      for (int64_t i = 0; i < pixels; i++) store(pooled + i * pooledPixel, at(i));
    } else if (s.pool == Pool::average && size == 2) {
      for (int64_t i = 0; i < ph; i++) {
        const int64_t pixel = i * 2 * ow;
        for (int64_t j = 0; j < pw; j++) {
          const V sum = (at(pixel + 2 * j) + at(pixel + 2 * j + 1)) + (at(pixel + ow + 2 * j) + at(pixel + ow + 2 * j + 1));
          store(pooled + (i * pw + j) * pooledPixel, sum * T(0.25));
        }
      }
    } else {
      const T share = T(1) / T(size * size);
      for (int64_t i = 0; i < ph; i++)
        for (int64_t j = 0; j < pw; j++) {
          const int64_t corner = i * size * ow + j * size;
          V sum = zeros<T>(), best = at(corner);
          for (int64_t k = 0; k < size; k++)
            for (int64_t l = 0; l < size; l++) {
              const V a = at(corner + k * ow + l);
              sum += a;
              best = (a > best) | (a != a) ? a : best;
            }
          store(pooled + (i * pw + j) * pooledPixel, s.pool == Pool::max ? best : sum * share);
        }
    }
    if (!attention) return;
    for (int64_t i = 0; i < pixels; i++) {
      const V p = raised(at(i));
      store(attention + i * L, firstAttention ? p : load(attention + i * L) + p);
    }
  }

  // First sweep of the backward passes over one vector of channels: dy at dy + h·dyRow + w·kPlane, and Σdy, Σdy·z; with G
  // (plain planes) also ΣG, ΣG·z, ΣG·dy.
  struct Sums {
    V dy, dyz, g, gz, gdy;
  };
  template <int Act, bool WithG>
  Sums firstSweep(const T* u, V m, V r, V s1, V beta, const T* dpooled, int64_t dpooledPixel, const T* dattention, const T* G,
                  T* dy, int64_t dyRow) const {
    const V slopes = splat(slope);
    const int64_t ow = g.s.ow;
    if (window() == kSpread) {
      for (int64_t h = 0; h < g.s.oh; h++)
        for (int64_t w = 0; w < ow; w++) store(dy + h * dyRow + w * kPlane, zeros<T>());
      walkMaxima<Act>(u, m, s1, beta, slopes, [&](int64_t h, int64_t w, int64_t index, auto hit) LIMBECK_LAMBDA_INLINE {
        store(dy + h * dyRow + w * kPlane, hit ? load(dpooled + index * dpooledPixel) : zeros<T>());
      });
    }
    V sums[2][5] = {};
    const auto visit = [&](int64_t h, int64_t w, V da, int which) LIMBECK_LAMBDA_INLINE {
      const int64_t pixel = h * ow + w;
      const V d = load(u + pixel * kPlane) - m;
      const V y = d * s1 + beta, z = d * r;
      if (dattention) da += dattention[pixel] * raisedBack(activate<T, Act>(y, slopes));
      const V t = activateBack<T, Act>(y, da, slopes);
      store(dy + h * dyRow + w * kPlane, t);
      V* sum = sums[which];
      sum[0] += t;
      sum[1] += t * z;
      if constexpr (WithG) {
        const V c = load(G + pixel * kPlane);
        sum[2] += c;
        sum[3] += c * z;
        sum[4] += c * t;
      }
    };
    withWindow([&](auto kind) {
      if constexpr (decltype(kind)::value == kSpread) walkSpread(dy, dyRow, visit);
      else walk<decltype(kind)::value>(dpooled, dpooledPixel, visit);
    });
    return {sums[0][0] + sums[1][0], sums[0][1] + sums[1][1], sums[0][2] + sums[1][2], sums[0][3] + sums[1][3],
            sums[0][4] + sums[1][4]};
  }

  // Means over each group of Σ weight·values of its channels; equal for all channels of a group.
  void groupMeans(int64_t firstChannel, int64_t endChannel, const T* values, const T* weight, T* means) const {
    const T share = T(1) / T(pixels * groupSize);
    const int64_t last = least(endChannel, channels);
    for (int64_t c = firstChannel; c < last; c += groupSize) {
      T sum = 0;
      for (int64_t k = 0; k < groupSize; k++) sum += weight ? weight[c + k] * values[c + k] : values[c + k];
      for (int64_t k = 0; k < groupSize; k++) means[c + k] = sum * share;
    }
    for (int64_t c = most(firstChannel, last); c < endChannel; c++) means[c] = T(0);
  }

  // Σ over pixels of a vector of channels at from + h·row + w·kPlane.
  V pixelSum(const T* from, int64_t row) const {
    V sums[2] = {};
    walkSpread(from, row, [&](int64_t, int64_t, V t, int which) LIMBECK_LAMBDA_INLINE { sums[which] += t; });
    return sums[0] + sums[1];
  }

  // ---- forward -----------------------------------------------------------------------------------------------------------

  void forward(const Inputs<T>& in, T* pooled, T* attention, T* saved) const {
    if (g.s.n <= 0 || channels <= 0 || pixels <= 0) return;
    ForwardTables<Operand> tables;
    Parameters parameters;
    place(ScratchSlot::shared, [&](Pieces& pieces) {
      tables.take(pieces, g, g.outVectors());
      takeParameters(pieces, parameters);
    });
    tables.fill(g);
    tables.pack(g, in.filter, g.outVectors());
    fillParameters(parameters, in);
    const bool keep = saved && keepsOutput();
    // The attention sums over all channels, so it keeps one thread on a sample.
    const int64_t slices = attention ? 1 : slicesOf(g.s.n, chunks());
    parallel(g.s.n * slices, 1, [&](int64_t begin, int64_t end, int) {
      E* x;
      T *scratchU, *ownMean, *ownScale, *staging, *lanes;
      place(ScratchSlot::work, [&](Pieces& pieces) {
        x = pieces.take<E>(g.inSize());
        scratchU = pieces.take<T>(chunk * planeSize());
        ownMean = pieces.take<T>(padded());
        ownScale = pieces.take<T>(padded());
        staging = pieces.take<T>(partial ? planes * ph * pw * kPlane : 0);
        lanes = pieces.take<T>(attention ? pixels * L : 0);
      });
      zero(x, g.inSize());
      zero(ownMean, padded());
      for (int64_t c = 0; c < padded(); c++) ownScale[c] = T(1);
      for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / slices, slice = i % slices;
        if (i == begin || slice == 0) loadPlanes<Operand>(g.in, in.x + n * g.s.h * g.s.w * g.s.c, x);
        T* own = saved ? saved + n * savedSample() : nullptr;
        T* statsAt = own && normalised ? own + (keepsOutput() ? planes * planeSize() : 0) : nullptr;
        T* mean = statsAt ? statsAt : ownMean;
        T* scale = statsAt ? statsAt + padded() : ownScale;
        const int64_t firstChunk = chunks() * slice / slices, endChunk = chunks() * (slice + 1) / slices;
        T* out = pooled + n * ph * pw * channels;
        const Channels<T> target = writable(out, ph * pw, staging);
        for (int64_t plane = firstChunk * chunk; plane < least(planes, endChunk * chunk); plane += chunk) {
          const int64_t count = chunkPlanes(plane);
          T* u = keep ? own + plane * planeSize() : scratchU;
          convolve(tables, tables.packed, x, parameters.bias, plane, count, u, false);
          if (normalised) statistics(u, plane, count, mean, scale);
          for (int64_t p = 0; p < count; p++)
            for (int v = 0; v < kPlane; v += L) {
              const int64_t channel = (plane + p) * kPlane + v;
              V m = zeros<T>(), s1 = zeros<T>() + T(1), beta = zeros<T>();
              if (normalised) {
                m = load(mean + channel);
                s1 = load(parameters.gamma + channel) * load(scale + channel);
                beta = load(parameters.beta + channel);
              }
              withActivation(s.activation, [&](auto act) {
                forwardSweep<decltype(act)::value>(u + p * planeSize() + v, m, s1, beta,
                                                   target.base + (plane + p) * target.plane + v, target.pixel,
                                                   attention ? lanes : nullptr, channel == 0);
              });
            }
        }
        if (partial && slices == 1) settle(out, ph * pw, staging);
        else if (partial) settleChannels(out, ph * pw, staging, firstChunk * chunk * kPlane, endChunk * chunk * kPlane);
        if (attention)
          for (int64_t k = 0; k < pixels; k++) attention[n * pixels + k] = laneSum<T>(load(lanes + k * L));
      }
    });
  }

  void settleChannels(T* sample, int64_t count, const T* staging, int64_t first, int64_t end) const {
    for (int64_t i = 0; i < count; i++)
      for (int64_t c = first; c < least(end, channels); c++)
        sample[i * channels + c] = staging[(c / kPlane * count + i) * kPlane + c % kPlane];
  }

  // ---- backward passes ---------------------------------------------------------------------------------------------------

  // What both backward passes ask for. Backward: only dpooled, dattention and d…; backward of backward: the rest.
  struct Request {
    const T *dpooled, *dattention;
    const T *cx, *cfilter, *cbias, *cgamma, *cbeta;
    bool twice;
    T *gdpooled, *dx, *dfilter, *dbias, *dgamma, *dbeta;
  };

  // Buffers of one thread.
  struct Work {
    E *x, *cx;            // planes as forward operands
    E *xOuter, *cxOuter;  // as operands of filterSweep (the same when plain)
    T *u, *G;             // a chunk
    T *du, *ub;           // real-valued: all planes, padded, when the adjoint to the input reads them in place; else a chunk
    E *duOut, *ubOut;     // paired operands of the adjoint to the input: all planes when direct, else a chunk
    E *duOuter, *ubOuter; // paired operands of filterSweep: a chunk
    T *patches, *padded;
    T *mean, *scale;      // own statistics where none are saved
    T *sums;              // 5 per-channel sums and 8 group means
    T *staging, *stagingOut;
  };

  // Geometry of du and ū in scratch.
  struct Target {
    int64_t row, plane, corner;  // corner: offset of pixel (0, 0)
    bool whole;                  // all planes are kept, else one chunk
  };
  Target target(bool wantsInput) const {
    if (Operand::plain && g.direct && wantsInput)
      return {g.out.columns * kPlane, g.out.plane(), (g.out.top * g.out.columns + g.out.left) * kPlane, true};
    return {g.s.ow * kPlane, planeSize(), 0, false};
  }

  void backward(const Inputs<T>& in, const T* saved, const Request& q) const {
    const int64_t n = g.s.n, taps = g.patch, sampleSize = g.s.h * g.s.w * g.s.c;
    if (n <= 0 || pixels <= 0 || channels <= 0) {
      if (q.dx) zero(q.dx, most(0, n) * sampleSize);
      if (q.dfilter) zero(q.dfilter, taps * channels);
      for (T* each : {q.dbias, q.dgamma, q.dbeta})
        if (each) zero(each, channels);
      if (q.gdpooled) zero(q.gdpooled, most(0, n) * ph * pw * channels);
      return;
    }
    const bool wantsInput = q.dx != nullptr, wantsFilter = q.dfilter != nullptr;
    const bool hasX = q.twice && q.cx, hasW = q.twice && q.cfilter;
    // Second-order terms of the convolutions: ū is zero without normalisation, du's only meet the cotangents.
    const bool needsUb = q.twice && normalised && (wantsInput || wantsFilter || q.dbias);
    const bool needsDu = q.twice ? (hasW && wantsInput) || (hasX && wantsFilter) : wantsInput || wantsFilter;
    const bool recompute = !saved || !keepsOutput();
    const bool convolvesX = recompute || hasW, packsForward = recompute || hasX;
    const bool filterFromX = wantsFilter && (q.twice ? needsUb : true);
    const bool filterFromCx = wantsFilter && hasX;
    // Gradients of the input: from du with `filter` (backward) or with `cfilter`, from ū with `filter`.
    const bool inputFromDu = wantsInput && (q.twice ? hasW : true), inputFromUb = wantsInput && needsUb;
    const Target to = target(wantsInput);

    const int64_t parts = parallelParts(n, 1);
    ForwardTables<Operand> forwardTables{};
    BackTables<Operand> backTables{};
    E *packedForward = nullptr, *packedForwardW = nullptr, *packedBack = nullptr, *packedBackW = nullptr;
    Parameters parameters;
    T *filterSums = nullptr, *channelSums = nullptr;
    place(ScratchSlot::shared, [&](Pieces& pieces) {
      const int64_t forwardSize = g.rows * g.outVectors() * L, backSize = g.backRows * g.backVectors() * L;
      forwardTables.take(pieces, g, 0);
      backTables.offsets = pieces.take<int64_t>(g.backRows * Operand::group);
      backTables.runs = pieces.take<int64_t>(g.backRunCount());
      backTables.pixels = pieces.take<int64_t>(g.backPixels());
      packedForward = pieces.take<E>(packsForward ? forwardSize : 0);
      packedForwardW = pieces.take<E>(hasW ? forwardSize : 0);
      packedBack = pieces.take<E>((q.twice ? inputFromUb : inputFromDu) ? backSize : 0);
      packedBackW = pieces.take<E>(q.twice && inputFromDu ? backSize : 0);
      takeParameters(pieces, parameters);
      filterSums = pieces.take<T>(wantsFilter ? parts * taps * padded() : 0);
      channelSums = pieces.take<T>(parts * 3 * padded());
    });
    forwardTables.fill(g);
    backTables.fill(g);
    const auto packForward = [&](const T* filter, E* packed) {
      forwardTables.packed = packed;
      forwardTables.pack(g, filter, g.outVectors());
    };
    const auto packBack = [&](const T* filter, E* packed) {
      backTables.packed = packed;
      backTables.pack(g, filter);
    };
    if (packsForward) packForward(in.filter, packedForward);
    if (hasW) packForward(q.cfilter, packedForwardW);
    if (q.twice ? inputFromUb : inputFromDu) packBack(in.filter, packedBack);
    if (q.twice && inputFromDu) packBack(q.cfilter, packedBackW);
    fillParameters(parameters, in);
    padCopy(parameters.cbias, q.cbias, channels, padded());
    padCopy(parameters.cgamma, q.cgamma, channels, padded());
    padCopy(parameters.cbeta, q.cbeta, channels, padded());
    zero(channelSums, parts * 3 * padded());
    if (wantsFilter && q.twice && !filterFromX && !filterFromCx) zero(filterSums, parts * taps * padded());

    parallel(n, 1, [&](int64_t begin, int64_t end, int thread) {
      Work k;
      const int64_t outerRow = g.outerColumns() * kPlane;
      const bool paired = !Operand::plain;
      const bool usesX = convolvesX || filterFromX;
      place(ScratchSlot::work, [&](Pieces& pieces) {
        k.x = pieces.take<E>(usesX ? g.inSize() : 0);
        k.cx = pieces.take<E>(hasX ? g.inSize() : 0);
        k.xOuter = paired ? pieces.take<E>(filterFromX ? g.outerInSize() : 0) : k.x;
        k.cxOuter = paired ? pieces.take<E>(filterFromCx ? g.outerInSize() : 0) : k.cx;
        k.u = pieces.take<T>(chunk * planeSize());
        k.G = pieces.take<T>(q.twice ? chunk * planeSize() : 0);
        const int64_t real = to.whole ? planes * to.plane : chunk * to.plane;
        k.du = pieces.take<T>(real);
        k.ub = pieces.take<T>(needsUb ? real : 0);
        const int64_t operand = paired ? (g.direct ? g.outSize() : chunk * planeSize() / Operand::group) : 0;
        k.duOut = pieces.take<E>(inputFromDu ? operand : 0);
        k.ubOut = pieces.take<E>(inputFromUb ? operand : 0);
        const int64_t outer = paired ? chunk * g.outerOutPlane() : 0;
        k.duOuter = pieces.take<E>(outer);
        k.ubOuter = pieces.take<E>(needsUb ? outer : 0);
        k.patches = pieces.take<T>(wantsInput && !g.direct ? pixels * g.backVectors() * L : 0);
        k.padded = pieces.take<T>(wantsInput && !g.direct ? g.in.rows * g.in.columns * g.s.c : 0);
        k.mean = pieces.take<T>(padded());
        k.scale = pieces.take<T>(padded());
        k.sums = pieces.take<T>(13 * padded());
        k.staging = pieces.take<T>(partial ? planes * ph * pw * kPlane : 0);
        k.stagingOut = pieces.take<T>(partial && q.gdpooled ? planes * ph * pw * kPlane : 0);
      });
      if (usesX) zero(k.x, g.inSize());
      if (hasX) zero(k.cx, g.inSize());
      if (paired && filterFromX) zero(k.xOuter, g.outerInSize());
      if (paired && filterFromCx) zero(k.cxOuter, g.outerInSize());
      if (to.whole) {
        zero(k.du, planes * to.plane);
        if (needsUb) zero(k.ub, planes * to.plane);
      }
      if (paired && g.direct) {
        if (inputFromDu) zero(k.duOut, g.outSize());
        if (inputFromUb) zero(k.ubOut, g.outSize());
      }
      T* biasSum = channelSums + (thread * 3 + 0) * padded();
      T* gammaSum = channelSums + (thread * 3 + 1) * padded();
      T* betaSum = channelSums + (thread * 3 + 2) * padded();
      T* filterSum = filterSums ? filterSums + thread * taps * padded() : nullptr;

      for (int64_t i = begin; i < end; i++) {
        const T* sample = in.x + i * sampleSize;
        if (usesX) loadPlanes<Operand>(g.in, sample, k.x);
        if (hasX) loadPlanes<Operand>(g.in, q.cx + i * sampleSize, k.cx);
        if constexpr (!Operand::plain) {
          if (filterFromX) loadOuterInput(g, sample, k.xOuter);
          if (filterFromCx) loadOuterInput(g, q.cx + i * sampleSize, k.cxOuter);
        }
        const T* own = saved ? saved + i * savedSample() : nullptr;
        const T* statsAt = own && normalised ? own + (keepsOutput() ? planes * planeSize() : 0) : nullptr;
        const T* mean = statsAt ? statsAt : k.mean;
        const T* scale = statsAt ? statsAt + padded() : k.scale;
        const Channels<const T> dp = readable(q.dpooled + i * ph * pw * channels, ph * pw, k.staging);
        const Channels<T> gdp = writable(q.gdpooled ? q.gdpooled + i * ph * pw * channels : nullptr, ph * pw, k.stagingOut);
        const T* da = q.dattention ? q.dattention + i * pixels : nullptr;

        for (int64_t plane = 0; plane < planes; plane += chunk) {
          const int64_t count = chunkPlanes(plane);
          const T* u = recompute ? k.u : own + plane * planeSize();
          if (recompute) {
            convolve(forwardTables, packedForward, k.x, parameters.bias, plane, count, k.u, false);
            if (normalised && !statsAt) statistics(k.u, plane, count, k.mean, k.scale);
          }
          if (q.twice) {
            if (hasX) convolve(forwardTables, packedForward, k.cx, parameters.cbias, plane, count, k.G, false);
            if (hasW) convolve(forwardTables, packedForwardW, k.x, parameters.cbias, plane, count, k.G, hasX);
            if (!hasX && !hasW) fillChannels(k.G, parameters.cbias, plane, count);
          }
          T* du = k.du + (to.whole ? plane * to.plane : 0) + to.corner;
          T* ub = k.ub + (to.whole ? plane * to.plane : 0) + to.corner;
          derivatives(q, parameters, k.sums, u, k.G, mean, scale, dp, gdp, da, plane, count, du, needsUb ? ub : nullptr, to,
                      biasSum, gammaSum, betaSum);

          // Adjoints of the convolution to the filter, and to the input where it is gathered chunk by chunk.
          const int64_t firstVector = plane * g.vectorsPerPlane, endVector = (plane + count) * g.vectorsPerPlane;
          const bool first = i == begin;
          if constexpr (Operand::plain) {
            if (!q.twice && wantsFilter)
              filterSweep(g, k.x, du, to.row, to.plane, plane, firstVector, endVector, filterSum, padded(), !first);
            if (q.twice && filterFromX)
              filterSweep(g, k.x, ub, to.row, to.plane, plane, firstVector, endVector, filterSum, padded(), !first);
            if (q.twice && filterFromCx)
              filterSweep(g, k.cx, du, to.row, to.plane, plane, firstVector, endVector, filterSum, padded(),
                          !first || filterFromX);
            if (wantsInput && !g.direct) {
              if (inputFromDu) gather(backTables, q.twice ? packedBackW : packedBack, du, plane, count, k.patches, plane > 0);
              if (inputFromUb) gather(backTables, packedBack, ub, plane, count, k.patches, plane > 0 || inputFromDu);
            }
          } else {
            if (needsDu && wantsFilter) Operand::pairOutputPlanes(du, count, g.s.oh, g.s.ow, k.duOuter);
            if (needsUb && wantsFilter) Operand::pairOutputPlanes(ub, count, g.s.oh, g.s.ow, k.ubOuter);
            const int64_t outerPlane = g.outerOutPlane();
            if (!q.twice && wantsFilter)
              filterSweep(g, k.xOuter, k.duOuter, outerRow, outerPlane, plane, firstVector, endVector, filterSum, padded(), !first);
            if (q.twice && filterFromX)
              filterSweep(g, k.xOuter, k.ubOuter, outerRow, outerPlane, plane, firstVector, endVector, filterSum, padded(), !first);
            if (q.twice && filterFromCx)
              filterSweep(g, k.cxOuter, k.duOuter, outerRow, outerPlane, plane, firstVector, endVector, filterSum, padded(),
                          !first || filterFromX);
            const int64_t base = g.direct ? plane * g.out.plane() / 2 + (g.out.top * g.out.columns + g.out.left) * (kPlane / 2) : 0;
            if (inputFromDu) Operand::pairChannelPlanes(du, count, g.out, g.s.oh, g.s.ow, k.duOut + base);
            if (inputFromUb) Operand::pairChannelPlanes(ub, count, g.out, g.s.oh, g.s.ow, k.ubOut + base);
            if (wantsInput && !g.direct) {
              if (inputFromDu) gather(backTables, q.twice ? packedBackW : packedBack, k.duOut, plane, count, k.patches, plane > 0);
              if (inputFromUb) gather(backTables, packedBack, k.ubOut, plane, count, k.patches, plane > 0 || inputFromDu);
            }
          }
        }
        settle(q.gdpooled ? q.gdpooled + i * ph * pw * channels : nullptr, ph * pw, k.stagingOut);
        if (!wantsInput) continue;
        T* dx = q.dx + i * sampleSize;
        if (!inputFromDu && !inputFromUb) {
          zero(dx, sampleSize);
        } else if (g.direct) {
          const DotSweep<Operand> sweep = backTables.sweep(g);
          const E *duOperand, *ubOperand;
          if constexpr (Operand::plain) duOperand = k.du, ubOperand = k.ub;
          else duOperand = k.duOut, ubOperand = k.ubOut;
          if (inputFromDu)
            sweep.toRows(duOperand, q.twice ? packedBackW : packedBack, nullptr, 0, g.s.h * g.s.w, 0, g.backVectors(), g.s.c, dx,
                         g.s.c, false);
          if (inputFromUb)
            sweep.toRows(ubOperand, packedBack, nullptr, 0, g.s.h * g.s.w, 0, g.backVectors(), g.s.c, dx, g.s.c, inputFromDu);
        } else {
          scatterPatches(g.s, g.in, k.patches, g.backVectors() * L, k.padded, dx);
        }
      }
    });
    if (wantsFilter) reduceFilter(filterSums, parts, taps, padded(), channels, q.dfilter);
    reduceChannels(channelSums, parts, 0, q.dbias);
    reduceChannels(channelSums, parts, 1, q.dgamma);
    reduceChannels(channelSums, parts, 2, q.twice ? nullptr : q.dbeta);
    if (q.twice && q.dbeta) zero(q.dbeta, channels);
  }

  void reduceChannels(const T* sums, int64_t parts, int64_t which, T* out) const {
    if (!out) return;
    for (int64_t c = 0; c < channels; c++) {
      T sum = 0;
      for (int64_t t = 0; t < parts; t++) sum += sums[(t * 3 + which) * padded() + c];
      out[c] = sum;
    }
  }

  void fillChannels(T* to, const T* values, int64_t plane, int64_t count) const {
    for (int64_t p = 0; p < count; p++)
      for (int v = 0; v < kPlane; v += L) {
        const V value = load(values + (plane + p) * kPlane + v);
        T* out = to + p * planeSize() + v;
        for (int64_t i = 0; i < pixels; i++) store(out + i * kPlane, value);
      }
  }

  // patches (+)= planes [plane, plane + count) of du, times the filters.
  void gather(const BackTables<Operand>& tables, const E* packed, const E* from, int64_t plane, int64_t count, T* patches,
              bool accumulate) const {
    DotSweep<Operand> sweep = tables.sweep(g);
    sweep.runCount = count;
    sweep.firstRow = plane * (kPlane / Operand::group);
    const int64_t vectors = g.backVectors();
    sweep.toRows(from, packed, nullptr, 0, pixels, 0, vectors, vectors * L, patches, vectors * L, accumulate);
  }

  // dy, then du (and ū) of a chunk, with the sums for the parameters; gdpooled where wanted.
  void derivatives(const Request& q, const Parameters& parameters, T* sums, const T* u, const T* G, const T* mean, const T* scale,
                   Channels<const T> dp, Channels<T> gdp, const T* dattention, int64_t plane, int64_t count, T* du, T* ub,
                   const Target& to, T* biasSum, T* gammaSum, T* betaSum) const {
    T *sumDy = sums, *sumDyz = sums + padded(), *sumG = sums + 2 * padded(), *sumGz = sums + 3 * padded();
    T* sumGdy = sums + 4 * padded();
    const V one = zeros<T>() + T(1), none = zeros<T>();
    const auto constants = [&](int64_t channel, V& m, V& r, V& s1, V& beta) LIMBECK_LAMBDA_INLINE {
      m = none, r = one, s1 = one, beta = none;
      if (!normalised) return;
      m = load(mean + channel);
      r = load(scale + channel);
      s1 = load(parameters.gamma + channel) * r;
      beta = load(parameters.beta + channel);
    };
    for (int64_t p = 0; p < count; p++)
      for (int v = 0; v < kPlane; v += L) {
        const int64_t channel = (plane + p) * kPlane + v;
        V m, r, s1, beta;
        constants(channel, m, r, s1, beta);
        Sums here{};
        withActivation(s.activation, [&](auto act) {
          constexpr int kind = decltype(act)::value;
          const T* uAt = u + p * planeSize() + v;
          const T* dpAt = dp.base + (plane + p) * dp.plane + v;
          T* dyAt = du + p * to.plane + v;
          if (q.twice)
            here = firstSweep<kind, true>(uAt, m, r, s1, beta, dpAt, dp.pixel, dattention, G + p * planeSize() + v, dyAt, to.row);
          else
            here = firstSweep<kind, false>(uAt, m, r, s1, beta, dpAt, dp.pixel, dattention, nullptr, dyAt, to.row);
        });
        store(sumDy + channel, here.dy);
        store(sumDyz + channel, here.dyz);
        store(sumG + channel, here.g);
        store(sumGz + channel, here.gz);
        store(sumGdy + channel, here.gdy);
      }
    const int64_t first = plane * kPlane, end = (plane + count) * kPlane;
    T* means[8];
    for (int k = 0; k < 8; k++) means[k] = sums + (5 + k) * padded();
    if (normalised) {
      groupMeans(first, end, sumDy, parameters.gamma, means[0]);   // m1
      groupMeans(first, end, sumDyz, parameters.gamma, means[1]);  // m2
      if (q.twice) {
        groupMeans(first, end, sumG, nullptr, means[2]);                   // h1
        groupMeans(first, end, sumGz, nullptr, means[3]);                  // h2
        groupMeans(first, end, sumGdy, parameters.gamma, means[4]);        // h3
        groupMeans(first, end, sumDy, parameters.cgamma, means[5]);        // mean(Γdy)
        groupMeans(first, end, sumDyz, parameters.cgamma, means[6]);       // mean(Γdy·z)
      }
    }
    for (int64_t c = first; c < end; c++) {
      if (!q.twice) {
        gammaSum[c] += sumDyz[c];
        betaSum[c] += sumDy[c];
        if (!normalised) biasSum[c] += sumDy[c];
      } else if (normalised) {
        gammaSum[c] += scale[c] * (sumGdy[c] - means[2][c] * sumDy[c] - means[3][c] * sumDyz[c]);
      }
    }
    if (!normalised && !q.twice) return;  // du = dy

    for (int64_t p = 0; p < count; p++)
      for (int v = 0; v < kPlane; v += L) {
        const int64_t channel = (plane + p) * kPlane + v;
        V m, r, s1, beta;
        constants(channel, m, r, s1, beta);
        const T* uAt = u + p * planeSize() + v;
        T* duAt = du + p * to.plane + v;
        if (q.twice) {
          T* ubAt = ub ? ub + p * to.plane + v : nullptr;
          T* gdpAt = gdp.base ? gdp.base + (plane + p) * gdp.plane + v : nullptr;
          V ms[7];
          for (int k = 0; k < 7; k++) ms[k] = normalised ? load(means[k] + channel) : none;
          secondSweepTwice(parameters, channel, uAt, G + p * planeSize() + v, m, r, s1, beta, ms, duAt, ubAt, to.row, gdpAt, gdp.pixel);
          if (ub && q.dbias && groupSize > 1) store(biasSum + channel, load(biasSum + channel) + pixelSum(ubAt, to.row));
        } else {
          const V m1 = load(means[0] + channel) * r, m2 = load(means[1] + channel) * r * r;
          for (int64_t h = 0; h < g.s.oh; h++) {
            T* row = duAt + h * to.row;
            const T* uRow = uAt + h * g.s.ow * kPlane;
            for (int64_t w = 0; w < g.s.ow; w++) {
              const V d = load(uRow + w * kPlane) - m;
              store(row + w * kPlane, s1 * load(row + w * kPlane) - m1 - d * m2);
            }
          }
          if (q.dbias && groupSize > 1) store(biasSum + channel, load(biasSum + channel) + pixelSum(duAt, to.row));
        }
      }
  }

  void secondSweepTwice(const Parameters& parameters, int64_t channel, const T* u, const T* G, V m, V r, V s1, V beta,
                        const V* means, T* du, T* ub, int64_t row, T* gdp, int64_t gdpPixel) const {
    const V m1 = means[0], m2 = means[1], h1 = means[2], h2 = means[3], h3 = means[4], e1 = means[5], e2 = means[6];
    const V gamma = normalised ? load(parameters.gamma + channel) : zeros<T>() + T(1);
    const V cgamma = load(parameters.cgamma + channel), cbeta = load(parameters.cbeta + channel);
    const V slopes = splat(slope);
    const int64_t ow = g.s.ow, oh = g.s.oh;
    if (gdp) {
      // dȳ·φ'(y) at a pixel, dȳ = c1·G + c3 + c4·(u - m)
      const V c1 = s1, c3 = cbeta - s1 * h1, c4 = normalised ? (cgamma - s1 * h2) * r : zeros<T>();
      withActivation(s.activation, [&](auto act) {
        constexpr int kind = decltype(act)::value;
        const auto at = [&](int64_t pixel) LIMBECK_LAMBDA_INLINE {
          const V d = load(u + pixel * kPlane) - m;
          return activateBack<T, kind>(d * s1 + beta, c1 * load(G + pixel * kPlane) + (c4 * d + c3), slopes);
        };
        const int64_t size = windowSize;
        if (s.pool == Pool::max) {
          for (int64_t i = 0; i < ph * pw; i++) store(gdp + i * gdpPixel, zeros<T>());
          walkMaxima<kind>(u, m, s1, beta, slopes, [&](int64_t h, int64_t w, int64_t index, auto hit) LIMBECK_LAMBDA_INLINE {
            store(gdp + index * gdpPixel, hit ? at(h * ow + w) : load(gdp + index * gdpPixel));
          });
        } else if (size == 2) {
          for (int64_t i = 0; i < ph; i++)
            for (int64_t j = 0; j < pw; j++) {
              const int64_t pixel = i * 2 * ow + 2 * j;
              const V sum = (at(pixel) + at(pixel + 1)) + (at(pixel + ow) + at(pixel + ow + 1));
              store(gdp + (i * pw + j) * gdpPixel, sum * T(0.25));
            }
        } else {
          const T share = T(1) / T(size * size);
          for (int64_t i = 0; i < ph; i++)
            for (int64_t j = 0; j < pw; j++) {
              V sum = zeros<T>();
              for (int64_t k = 0; k < size; k++)
                for (int64_t l = 0; l < size; l++) sum += at((i * size + k) * ow + j * size + l);
              store(gdp + (i * pw + j) * gdpPixel, sum * share);
            }
        }
      });
    }
    if (!normalised) return;  // du = dy, ū = 0
    // du = s1·dy - b3 - b4·d;  ū = a1·G + a2·dy + a3 + a4·d, d = u - m
    const V b3 = r * m1, b4 = r * r * m2;
    const V mean1 = e1 - r * (h1 * m2 + m1 * h2), mean2 = e2 - T(2) * r * h2 * m2;
    const V rho = h3 - m1 * h1 - m2 * h2;
    const V a1 = -(r * r) * m2, a2 = r * (cgamma - s1 * h2), a3 = -r * mean1, a4 = -(r * r) * (mean2 + r * rho);
    (void)gamma;
    for (int64_t h = 0; h < oh; h++) {
      T* duRow = du + h * row;
      T* ubRow = ub ? ub + h * row : nullptr;
      for (int64_t w = 0; w < ow; w++) {
        const int64_t pixel = h * ow + w;
        const V d = load(u + pixel * kPlane) - m, dy = load(duRow + w * kPlane);
        if (ub) store(ubRow + w * kPlane, a1 * load(G + pixel * kPlane) + a2 * dy + (a4 * d + a3));
        store(duRow + w * kPlane, s1 * dy - b3 - b4 * d);
      }
    }
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
