// The fused block: convolution → group normalisation → activation → pooling, its backward pass and the backward pass of
// that, one sample at a time through the cache. Formulas and names: per channel and sample, over `pixels` values,
//
//   u = conv(x, w) + b    z = (u - m)·r    y = γz + β    a = φ(y)    pooled = pool(a)    attention = Σ_c |a_c|^p
//   channel attention = Σ over pixels of |a_c|^p
//   da = unpool(dpooled) + the attentions'    dy = da·φ'(y)
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
//
// Batch normalisation takes its means over all samples: each pass then goes over the samples twice, first for their sums.
#pragma once
#include "block-sweep.h"
#include "block-winograd.h"
#include "conv-impl.h"

namespace limbeck {
namespace LIMBECK_NS {

LIMBECK_INLINE float squareRoot(float value) { return __builtin_sqrtf(value); }
LIMBECK_INLINE double squareRoot(double value) { return __builtin_sqrt(value); }

// BlockInputs of conv.h for any number type.
template <class T>
struct Inputs {
  const T *x, *filter, *bias, *gamma, *beta;
};

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
  int64_t pixels, channels, planes, groupSize, pooledPixels;
  int64_t chunk;  // planes worked on together
  bool normalised, partial;
  bool across;    // statistics over all samples
  T epsilon;
  Grid<T> grid;
  Window window;

  BlockPass(const BlockShape& shape, bool winograd) : s(shape), g(shape.conv, winograd && fitsWinograd(shape.conv)) {
    pixels = g.pixels;
    channels = s.conv.o;
    planes = g.outPlanes;
    normalised = s.norm != Norm::none;
    across = s.norm == Norm::batch;
    groupSize = s.norm == Norm::group ? channels / most(1, s.groups) : 1;
    const int64_t size = s.pool == Pool::none ? 1 : s.poolSize;
    grid = {g.s.oh, g.s.ow, s.ph(), s.pw(), size, T(s.slope), T(s.attentionPower)};
    pooledPixels = grid.ph * grid.pw;
    window = size == 1 ? kSame : (s.pool == Pool::max ? kMaximum : (size == 2 ? kPairs : kAny));
    chunk = kPlane % groupSize == 0 ? most(1, kTileVectors * L / kPlane) : planes;
    partial = channels % kPlane != 0;
    epsilon = T(s.epsilon);
  }

  int64_t padded() const { return planes * kPlane; }
  int64_t sampleSize() const { return g.s.h * g.s.w * g.s.c; }
  int64_t planeSize() const { return pixels * kPlane; }
  // Recomputing u costs kh·kw·C multiplications a value, keeping it one write and one read of memory.
  bool keepsOutput() const { return g.s.kh * g.s.kw * g.s.c > 96; }
  int64_t savedSample() const { return (keepsOutput() ? planes * planeSize() : 0) + (normalised && !across ? 2 * padded() : 0); }
  int64_t savedSize() const { return g.s.n <= 0 ? 0 : g.s.n * savedSample() + (across ? 2 * padded() : 0); }
  int64_t setSize() const { return pixels * groupSize * (across ? g.s.n : 1); }  // values of one mean
  int64_t chunks() const { return ceilDivide(planes, chunk); }
  int64_t chunkPlanes(int64_t plane) const { return least(chunk, planes - plane); }

  // ---- parameters and statistics ------------------------------------------------------------------------------------

  // Per-channel constants, padded to whole planes: with zeros, and without normalisation so that z = y = u.
  struct Parameters {
    T *bias, *gamma, *beta, *cbias, *cgamma, *cbeta, *mean, *scale;
  };
  void takeParameters(Pieces& pieces, Parameters& p) const {
    for (T** each : {&p.bias, &p.gamma, &p.beta, &p.cbias, &p.cgamma, &p.cbeta, &p.mean, &p.scale}) *each = pieces.take<T>(padded());
  }
  void fillParameters(const Parameters& p, const Inputs<T>& in) const {
    padCopy(p.bias, in.bias, channels, padded());
    padCopy(p.beta, normalised ? in.beta : nullptr, channels, padded());
    padCopy(p.gamma, normalised ? in.gamma : nullptr, channels, padded());
    if (!normalised || !in.gamma)
      for (int64_t c = 0; c < channels; c++) p.gamma[c] = T(1);
    zero(p.mean, padded());
    for (int64_t c = 0; c < padded(); c++) p.scale[c] = T(1);
  }

  // Mean and reciprocal deviation per channel (equal within a group; zero past the last channel) of planes [plane, plane + count).
  void statistics(const T* u, int64_t plane, int64_t count, T* mean, T* scale) const {
    const int64_t first = plane * kPlane, end = (plane + count) * kPlane, last = least(end, channels);
    for (int64_t c = first; c < end; c += L) {
      const int64_t offset = c - first;
      moments(u + offset / kPlane * planeSize() + offset % kPlane, pixels, mean + c, scale + c);
    }
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

  // Mean and reciprocal deviation of each channel over all samples; their results of the convolution are left in `keep`, one
  // savedSample after another, if that is not null. `moments`: as for blockForward.
  void batchStatistics(bool winograd, const DotSweep<Operand>& sweep, const E* packed, const T* bias, const T* x, T* keep, T* mean, T* scale,
                       T* moments) const {
    const int64_t n = g.s.n;
    T* own = nullptr;  // per sample: means, sums of squared differences from them
    place(ScratchSlot::samples, [&](Pieces& pieces) { own = pieces.take<T>(n * 2 * padded()); });
    parallel(n, 1, [&](int64_t begin, int64_t end, int) {
      const BlockWinograd<Operand> minimal(g, kShortBand);
      const int64_t group = winograd ? minimal.group() : 1;
      InputPlanes<Operand> input;
      T* results = nullptr;
      WinogradSpace<T> space;
      place(ScratchSlot::work, [&](Pieces& pieces) {
        if (winograd) minimal.forward.take(pieces, space, 1, false);
        else input.take(pieces, g, true, false);
        results = pieces.take<T>(keep ? 0 : (winograd ? group * planes : chunk) * planeSize());
      });
      input.clear(g);
      for (int64_t i = begin; i < end; i++) {
        const int64_t inGroup = (i - begin) % group;
        if constexpr (Operand::plain) {
          const typename BlockWinograd<Operand>::Term term{minimal.input(x + i * sampleSize()), packed};
          if (winograd && inGroup == 0)
            minimal.convolve(&term, 1, bias, least(group, end - i), 0, planes,
                             keep ? minimal.output(keep + i * savedSample(), savedSample()) : minimal.output(results, planes * planeSize()),
                             space);
        }
        if (!winograd) input.load(g, x + i * sampleSize());
        T* means = own + i * 2 * padded();
        for (int64_t plane = 0; plane < planes; plane += chunk) {
          const int64_t count = chunkPlanes(plane);
          T* u = keep ? keep + i * savedSample() + plane * planeSize() : results + (winograd ? (inGroup * planes + plane) * planeSize() : 0);
          if (!winograd) convolve(sweep, packed, input.dot, bias, plane, count, u, false);
          for (int64_t c = 0; c < count * kPlane; c += L) {
            const int64_t channel = plane * kPlane + c;
            limbeck::LIMBECK_NS::moments(u + c / kPlane * planeSize() + c % kPlane, pixels, means + channel, means + padded() + channel);
          }
        }
      }
    });
    for (int64_t c = 0; c < padded(); c++) {
      double sum = 0, square = 0;
      for (int64_t i = 0; i < n; i++) sum += static_cast<double>(own[i * 2 * padded() + c]);
      const double m = sum / static_cast<double>(n);
      for (int64_t i = 0; i < n; i++) {
        const T* sample = own + i * 2 * padded() + c;
        const double d = static_cast<double>(sample[0]) - m;
        square += static_cast<double>(sample[padded()]) + static_cast<double>(pixels) * d * d;
      }
      const double variance = square / static_cast<double>(setSize());
      mean[c] = c < channels ? T(m) : T(0);
      scale[c] = c < channels ? T(1 / squareRoot(variance + static_cast<double>(epsilon))) : T(0);
      if (moments && c < channels) moments[c] = T(m), moments[channels + c] = T(variance);
    }
  }

  // Means over each group of Σ weight·values of its channels; equal for all channels of a group.
  void groupMeans(int64_t firstChannel, int64_t endChannel, const T* values, const T* weight, T* means) const {
    const T share = T(1) / T(setSize());
    const int64_t last = least(endChannel, channels);
    for (int64_t c = firstChannel; c < last; c += groupSize) {
      T sum = 0;
      for (int64_t k = 0; k < groupSize; k++) sum += weight ? weight[c + k] * values[c + k] : values[c + k];
      for (int64_t k = 0; k < groupSize; k++) means[c + k] = sum * share;
    }
    for (int64_t c = most(firstChannel, last); c < endChannel; c++) means[c] = T(0);
  }

  // out[c] = Σ over parts of sums[part, which of three, c], in the order of the parts.
  void reduceChannels(const T* sums, int64_t parts, int64_t which, T* out) const {
    if (!out) return;
    for (int64_t c = 0; c < channels; c++) {
      T sum = 0;
      for (int64_t t = 0; t < parts; t++) sum += sums[(t * 3 + which) * padded() + c];
      out[c] = sum;
    }
  }

  // A plane after another of one value a channel.
  void fillChannels(T* to, const T* values, int64_t count) const {
    for (int64_t p = 0; p < count; p++)
      for (int64_t v = 0; v < kPlane; v += L) {
        const V value = load(values + p * kPlane + v);
        for (int64_t i = 0; i < pixels; i++) store(to + p * planeSize() + i * kPlane + v, value);
      }
  }

  void convolve(const DotSweep<Operand>& sweep, const E* packed, const E* x, const T* start, int64_t plane, int64_t count, T* out,
                bool accumulate) const {
    sweep.toPlanes(x, packed, start, pixels, plane * g.vectorsPerPlane, (plane + count) * g.vectorsPerPlane, out, planeSize(),
                   accumulate);
  }

  Normal<T> normalAt(const Parameters& p, const T* mean, const T* scale, int64_t channel) const {
    return {mean + channel, scale + channel, p.gamma + channel, p.beta + channel};
  }

  // ---- dense tensors as channel vectors ------------------------------------------------------------------------------

  Channels<const T> readable(const T* sample, T* staging) const {
    if (!partial) return {sample, channels, kPlane};
    const Planes all{1, pooledPixels, channels, 1, pooledPixels, 0, 0, kPlane, planes};
    zero(staging, planes * pooledPixels * kPlane);
    loadPlanes(all, sample, staging);
    return {staging, kPlane, pooledPixels * kPlane};
  }
  Channels<T> writable(T* sample, T* staging) const {
    if (!partial) return {sample, channels, kPlane};
    return {staging, kPlane, pooledPixels * kPlane};
  }
  void settle(T* sample, const T* staging, int64_t first, int64_t end) const {
    if (!partial) return;
    for (int64_t i = 0; i < pooledPixels; i++)
      for (int64_t c = first; c < least(end, channels); c++)
        sample[i * channels + c] = staging[(c / kPlane * pooledPixels + i) * kPlane + c % kPlane];
  }

  // ---- filters as operands: transformed where minimal filtering takes them ------------------------------------------------

  int64_t packedForwardSize(bool winograd) const {
    return winograd ? winogradFilterSize(g.s.c, g.s.o) : ForwardTables<Operand>::packedSize(g, g.outVectors());
  }
  int64_t packedBackSize(bool winograd) const {
    return winograd ? winogradFilterSize(g.s.o, g.s.c) : BackTables<Operand>::packedSize(g);
  }
  void packForward(bool winograd, const ForwardTables<Operand>& tables, const T* filter, E* packed) const {
    if constexpr (Operand::plain) {
      if (winograd) return winogradFilter(g.s.c, g.s.o, filter, false, packed);
    }
    tables.pack(g, filter, g.outVectors(), packed);
  }
  void packBack(bool winograd, const BackTables<Operand>& tables, const T* filter, E* packed) const {
    if constexpr (Operand::plain) {
      if (winograd) return winogradFilter(g.s.c, g.s.o, filter, true, packed);
    }
    tables.pack(g, filter, packed);
  }

  // ---- forward -----------------------------------------------------------------------------------------------------------

  void forward(const Inputs<T>& in, T* pooled, T* attention, T* channelAttention, T* saved, T* moments) const {
    if (g.s.n <= 0 || channels <= 0 || pixels <= 0) return;
    ForwardTables<Operand> tables;
    Parameters parameters;
    E* packed;
    T* batch;
    place(ScratchSlot::shared, [&](Pieces& pieces) {
      tables.take(pieces, g);
      packed = pieces.take<E>(packedForwardSize(g.winograd));
      takeParameters(pieces, parameters);
      batch = pieces.take<T>(across && !saved ? 2 * padded() : 0);
    });
    tables.fill(g);
    packForward(g.winograd, tables, in.filter, packed);
    fillParameters(parameters, in);
    const int power = attention ? powerKind(grid.power) : 0;
    const ForwardSweep<T> finish = pick(s.activation, window, [&](auto act, auto kind) {
      return forwardSweepFor<T, decltype(act)::value, decltype(kind)::value>(power);
    });
    const bool keep = saved && keepsOutput();
    if (across) {
      if (saved) batch = saved + g.s.n * savedSample();
      batchStatistics(g.winograd, tables.sweep(g), packed, parameters.bias, in.x, keep ? saved : nullptr, batch, batch + padded(),
                      moments);
    }
    // The attention sums over all channels, so it keeps one thread on a sample.
    const int64_t slices = attention ? 1 : slicesOf(g.s.n, chunks());
    const BlockWinograd<Operand> minimal(g, kShortBand);
    const int64_t group = slices == 1 ? minimal.group() : 1;
    parallel(g.s.n * slices, 1, [&](int64_t begin, int64_t end, int) {
      InputPlanes<Operand> x;
      T *ownU, *ownMean, *ownScale, *staging, *lanes, *channelSums;
      WinogradSpace<T> space;
      place(ScratchSlot::work, [&](Pieces& pieces) {
        x.take(pieces, g, !g.winograd, false);
        if (g.winograd) minimal.forward.take(pieces, space, 1, false);
        ownU = pieces.take<T>(g.winograd ? (keep ? 0 : group * planes * planeSize()) : chunk * planeSize());
        ownMean = pieces.take<T>(padded());
        ownScale = pieces.take<T>(padded());
        staging = pieces.take<T>(partial ? planes * pooledPixels * kPlane : 0);
        lanes = pieces.take<T>(attention ? pixels * L : 0);
        channelSums = pieces.take<T>(attention ? padded() : 0);
      });
      x.clear(g);
      Ahead ahead;
      DotSweep<Operand> convolution = tables.sweep(g);
      convolution.ahead = space.ahead = &ahead;
      for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / slices, slice = i % slices;
        const int64_t inGroup = (i - begin) % group, together = least(group, end - i);
        ahead.restart();
        if (slices == 1 && inGroup == 0) {
          ahead.add(pooled + n * pooledPixels * channels, together * pooledPixels * channels, true);
          ahead.add(in.x + (n + together) * sampleSize(), least(group, end - i - together) * sampleSize(), false);
          ahead.spread(g.winograd ? minimal.forward.steps(together * minimal.forward.tiles()) : g.forwardTiles());
        }
        if ((i == begin || slice == 0) && (!across || !keep)) x.load(g, in.x + n * sampleSize());
        T* own = saved ? saved + n * savedSample() : nullptr;
        T* statsAt = own ? own + (keepsOutput() ? planes * planeSize() : 0) : nullptr;
        T* mean = !normalised ? parameters.mean : (across ? batch : (own ? statsAt : ownMean));
        T* scale = !normalised ? parameters.scale : (across ? batch + padded() : (own ? statsAt + padded() : ownScale));
        const int64_t firstPlane = chunks() * slice / slices * chunk;
        const int64_t endPlane = least(planes, chunks() * (slice + 1) / slices * chunk);
        T* out = pooled + n * pooledPixels * channels;
        const Channels<T> target = writable(out, staging);
        if (attention) zero(lanes, pixels * L);
        if constexpr (Operand::plain) {
          const typename BlockWinograd<Operand>::Term term{minimal.input(in.x + n * sampleSize()), packed};
          if (g.winograd && inGroup == 0 && !(across && keep))
            minimal.convolve(&term, 1, parameters.bias, together, firstPlane, endPlane,
                             keep ? minimal.output(own, savedSample()) : minimal.output(ownU, planes * planeSize()), space);
        }
        for (int64_t plane = firstPlane; plane < endPlane; plane += chunk) {
          const int64_t count = chunkPlanes(plane);
          T* u = keep ? own + plane * planeSize() : ownU + (g.winograd ? (inGroup * planes + plane) * planeSize() : 0);
          if (!g.winograd && (!across || !keep)) convolve(convolution, packed, x.dot, parameters.bias, plane, count, u, false);
          if (normalised && !across) statistics(u, plane, count, mean, scale);
          for (int64_t p = 0; p < count; p++)
            for (int64_t v = 0; v < kPlane; v += L)
              finish(grid, normalAt(parameters, mean, scale, (plane + p) * kPlane + v), u + p * planeSize() + v,
                     target.base + (plane + p) * target.plane + v, target.pixel, lanes, channelSums + (plane + p) * kPlane + v);
        }
        settle(out, staging, firstPlane * kPlane, endPlane * kPlane);
        if (attention)
          for (int64_t k = 0; k < pixels; k++) attention[n * pixels + k] = laneSum<T>(load(lanes + k * L));
        if (channelAttention) copy(channelAttention + n * channels, channelSums, channels);
      }
    });
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
