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
#include "block-sweep.h"
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
  T epsilon;
  Grid<T> grid;
  Window window;

  explicit BlockPass(const BlockShape& shape) : s(shape), g(shape.conv) {
    pixels = g.pixels;
    channels = s.conv.o;
    planes = g.outPlanes;
    normalised = s.norm == Norm::group;
    groupSize = normalised ? channels / most(1, s.groups) : 1;
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
  int64_t savedSample() const { return (keepsOutput() ? planes * planeSize() : 0) + (normalised ? 2 * padded() : 0); }
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

  // ---- forward -----------------------------------------------------------------------------------------------------------

  void forward(const Inputs<T>& in, T* pooled, T* attention, T* saved) const {
    if (g.s.n <= 0 || channels <= 0 || pixels <= 0) return;
    ForwardTables<Operand> tables;
    Parameters parameters;
    E* packed;
    place(ScratchSlot::shared, [&](Pieces& pieces) {
      tables.take(pieces, g);
      packed = pieces.take<E>(tables.packedSize(g, g.outVectors()));
      takeParameters(pieces, parameters);
    });
    tables.fill(g);
    tables.pack(g, in.filter, g.outVectors(), packed);
    fillParameters(parameters, in);
    const int power = attention ? powerKind(grid.power) : 0;
    const ForwardSweep<T> finish = pick(s.activation, window, [&](auto act, auto kind) {
      return forwardSweepFor<T, decltype(act)::value, decltype(kind)::value>(power);
    });
    const bool keep = saved && keepsOutput();
    // The attention sums over all channels, so it keeps one thread on a sample.
    const int64_t slices = attention ? 1 : slicesOf(g.s.n, chunks());
    parallel(g.s.n * slices, 1, [&](int64_t begin, int64_t end, int) {
      InputPlanes<Operand> x;
      T *ownU, *ownMean, *ownScale, *staging, *lanes;
      place(ScratchSlot::work, [&](Pieces& pieces) {
        x.take(pieces, g, true, false);
        ownU = pieces.take<T>(chunk * planeSize());
        ownMean = pieces.take<T>(padded());
        ownScale = pieces.take<T>(padded());
        staging = pieces.take<T>(partial ? planes * pooledPixels * kPlane : 0);
        lanes = pieces.take<T>(attention ? pixels * L : 0);
      });
      x.clear(g);
      Ahead ahead;
      DotSweep<Operand> convolution = tables.sweep(g);
      convolution.ahead = &ahead;
      for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / slices, slice = i % slices;
        ahead.restart();
        if (slices == 1) {
          ahead.add(pooled + n * pooledPixels * channels, pooledPixels * channels, true);
          if (i + 1 < end) ahead.add(in.x + (n + 1) * sampleSize(), sampleSize(), false);
          ahead.spread(g.forwardTiles());
        }
        if (i == begin || slice == 0) x.load(g, in.x + n * sampleSize());
        T* own = saved ? saved + n * savedSample() : nullptr;
        T* statsAt = own ? own + (keepsOutput() ? planes * planeSize() : 0) : nullptr;
        T* mean = !normalised ? parameters.mean : (own ? statsAt : ownMean);
        T* scale = !normalised ? parameters.scale : (own ? statsAt + padded() : ownScale);
        const int64_t firstPlane = chunks() * slice / slices * chunk;
        const int64_t endPlane = least(planes, chunks() * (slice + 1) / slices * chunk);
        T* out = pooled + n * pooledPixels * channels;
        const Channels<T> target = writable(out, staging);
        if (attention) zero(lanes, pixels * L);
        for (int64_t plane = firstPlane; plane < endPlane; plane += chunk) {
          const int64_t count = chunkPlanes(plane);
          T* u = keep ? own + plane * planeSize() : ownU;
          convolve(convolution, packed, x.dot, parameters.bias, plane, count, u, false);
          if (normalised) statistics(u, plane, count, mean, scale);
          for (int64_t p = 0; p < count; p++)
            for (int64_t v = 0; v < kPlane; v += L)
              finish(grid, normalAt(parameters, mean, scale, (plane + p) * kPlane + v), u + p * planeSize() + v,
                     target.base + (plane + p) * target.plane + v, target.pixel, lanes);
        }
        settle(out, staging, firstPlane * kPlane, endPlane * kPlane);
        if (attention)
          for (int64_t k = 0; k < pixels; k++) attention[n * pixels + k] = laneSum<T>(load(lanes + k * L));
      }
    });
  }

  // ---- backward passes ---------------------------------------------------------------------------------------------------

  // What both backward passes ask for. Backward: only dpooled, dattention and d…; backward of backward: the rest.
  struct Request {
    const T *dpooled, *dattention;
    const T *cx, *cfilter, *cbias, *cgamma, *cbeta;
    bool twice;
    T *gdpooled, *dx, *dfilter, *dbias, *dgamma, *dbeta;
  };

  // What a request needs, worked out once.
  struct Plan {
    bool hasX, hasW, recompute, needsUb;
    bool packsForward;                // filter as a forward operand
    bool inputFromDu, inputFromUb;    // convT(du, filter or cfilter), convT(ū, filter)
    bool filterFromX, filterFromCx;   // corr(x, du or ū), corr(cx, du)
    bool convolvesX, packsBack, packsBackW;
    bool whole;                       // all planes of du and ū are kept, padded: the direct adjoint to the input reads them
  };
  Plan planFor(const Request& q, const T* saved) const {
    Plan p{};
    const bool wantsInput = q.dx != nullptr, wantsFilter = q.dfilter != nullptr;
    p.hasX = q.twice && q.cx, p.hasW = q.twice && q.cfilter;
    p.recompute = !saved || !keepsOutput();
    p.needsUb = q.twice && normalised && (wantsInput || wantsFilter || (q.dbias && groupSize > 1));
    p.packsForward = p.recompute || p.hasX;
    p.inputFromDu = wantsInput && (q.twice ? p.hasW : true), p.inputFromUb = wantsInput && p.needsUb;
    p.filterFromX = wantsFilter && (q.twice ? p.needsUb : true), p.filterFromCx = wantsFilter && p.hasX;
    p.convolvesX = p.recompute || p.hasW;
    p.packsBack = q.twice ? p.inputFromUb : p.inputFromDu, p.packsBackW = q.twice && p.inputFromDu;
    p.whole = g.direct && wantsInput;
    return p;
  }

  // What all threads share.
  struct Shared {
    ForwardTables<Operand> forward;
    BackTables<Operand> back;
    E *packedForward, *packedForwardW, *packedBack, *packedBackW;
    Parameters parameters;
    T *filterSums, *channelSums;  // per part: [kh·kw·C, padded]; [3, padded]: bias, gamma, beta
    FirstSweep<T> first;
    TwiceSweep<T> second;
  };

  // Buffers of one thread.
  struct Work {
    InputPlanes<Operand> x, cx;
    OutputPlanes<Operand> du, ub;  // all planes, or a chunk
    T *u, *G;                      // a chunk
    T *patches, *scattered;
    T *mean, *scale;               // own statistics where none are saved
    T* sums;                       // 5 per-channel sums and 7 group means
    T *staging, *stagingOut;
  };

  void prepare(const Inputs<T>& in, const Request& q, const Plan& plan, int64_t parts, Shared& k) const {
    const int64_t taps = g.patch;
    k = {};
    place(ScratchSlot::shared, [&](Pieces& pieces) {
      const int64_t forwardSize = k.forward.packedSize(g, g.outVectors()), backSize = k.back.packedSize(g);
      k.forward.take(pieces, g);
      k.back.take(pieces, g);
      k.packedForward = pieces.take<E>(plan.packsForward ? forwardSize : 0);
      k.packedForwardW = pieces.take<E>(plan.hasW ? forwardSize : 0);
      k.packedBack = pieces.take<E>(plan.packsBack ? backSize : 0);
      k.packedBackW = pieces.take<E>(plan.packsBackW ? backSize : 0);
      takeParameters(pieces, k.parameters);
      k.filterSums = pieces.take<T>(q.dfilter ? parts * taps * padded() : 0);
      k.channelSums = pieces.take<T>(parts * 3 * padded());
    });
    k.forward.fill(g);
    k.back.fill(g);
    if (plan.packsForward) k.forward.pack(g, in.filter, g.outVectors(), k.packedForward);
    if (plan.hasW) k.forward.pack(g, q.cfilter, g.outVectors(), k.packedForwardW);
    if (plan.packsBack) k.back.pack(g, in.filter, k.packedBack);
    if (plan.packsBackW) k.back.pack(g, q.cfilter, k.packedBackW);
    fillParameters(k.parameters, in);
    padCopy(k.parameters.cbias, q.cbias, channels, padded());
    padCopy(k.parameters.cgamma, q.cgamma, channels, padded());
    padCopy(k.parameters.cbeta, q.cbeta, channels, padded());
    zero(k.channelSums, parts * 3 * padded());
    if (q.dfilter && !plan.filterFromX && !plan.filterFromCx) zero(k.filterSums, parts * taps * padded());
    const int power = q.dattention ? powerKind(grid.power) : 0;
    k.first = pick(s.activation, window, [&](auto act, auto kind) {
      return firstSweepFor<T, decltype(act)::value, decltype(kind)::value>(power, q.twice);
    });
    k.second = pick(s.activation, window, [&](auto act, auto kind) -> TwiceSweep<T> {
      return twiceSweep<T, decltype(act)::value, decltype(kind)::value>;
    });
  }

  void takeWork(const Request& q, const Plan& plan, Work& k) const {
    place(ScratchSlot::work, [&](Pieces& pieces) {
      const bool gathers = q.dx && !g.direct;
      k.x.take(pieces, g, plan.convolvesX, plan.filterFromX);
      k.cx.take(pieces, g, plan.hasX, plan.filterFromCx);
      k.u = pieces.take<T>(plan.recompute ? chunk * planeSize() : 0);
      k.G = pieces.take<T>(q.twice ? chunk * planeSize() : 0);
      const Planes bare{g.s.oh, g.s.ow, channels, g.s.oh, g.s.ow, 0, 0, kPlane, chunk};
      const Planes& layout = plan.whole ? g.out : bare;
      const int64_t count = plan.whole ? planes : chunk;
      k.du.take(pieces, g.s, layout, count, plan.inputFromDu, q.twice ? plan.filterFromCx : plan.filterFromX);
      if (plan.needsUb) k.ub.take(pieces, g.s, layout, count, plan.inputFromUb, plan.filterFromX);
      k.patches = pieces.take<T>(gathers ? pixels * g.backVectors() * L : 0);
      k.scattered = pieces.take<T>(gathers ? scatterSize(g.s) : 0);
      k.mean = pieces.take<T>(padded());
      k.scale = pieces.take<T>(padded());
      k.sums = pieces.take<T>(12 * padded());
      k.staging = pieces.take<T>(partial ? planes * pooledPixels * kPlane : 0);
      // Also where gdpooled goes when nobody wants it.
      k.stagingOut = pieces.take<T>(q.twice && (partial || !q.gdpooled) ? planes * pooledPixels * kPlane : 0);
    });
    k.x.clear(g);
    k.cx.clear(g);
    k.du.clear(plan.whole ? planes : chunk);
    k.ub.clear(plan.whole ? planes : chunk);
  }

  void backward(const Inputs<T>& in, const T* saved, const Request& q) const {
    const int64_t n = g.s.n, taps = g.patch;
    if (n <= 0 || pixels <= 0 || channels <= 0) {
      if (q.dx) zero(q.dx, most(0, n) * sampleSize());
      if (q.dfilter) zero(q.dfilter, taps * most(0, channels));
      for (T* each : {q.dbias, q.dgamma, q.dbeta})
        if (each) zero(each, most(0, channels));
      return;
    }
    const Plan plan = planFor(q, saved);
    const int64_t parts = parallelParts(n, 1);
    Shared shared;
    prepare(in, q, plan, parts, shared);
    parallel(n, 1, [&](int64_t begin, int64_t end, int thread) {
      Work work;
      takeWork(q, plan, work);
      T* filterSum = shared.filterSums + thread * taps * padded();
      T* channelSum = shared.channelSums + thread * 3 * padded();
      for (int64_t i = begin; i < end; i++) sample(in, saved, q, plan, shared, work, i, i == begin, i + 1 == end, filterSum, channelSum);
    });
    if (q.dfilter) reduceFilter(shared.filterSums, parts, g, q.dfilter);
    reduceChannels(shared.channelSums, parts, 0, q.dbias);
    reduceChannels(shared.channelSums, parts, 1, q.dgamma);
    reduceChannels(shared.channelSums, parts, 2, q.dbeta);
  }

  void reduceChannels(const T* sums, int64_t parts, int64_t which, T* out) const {
    if (!out) return;
    for (int64_t c = 0; c < channels; c++) {
      T sum = 0;
      for (int64_t t = 0; t < parts; t++) sum += sums[(t * 3 + which) * padded() + c];
      out[c] = sum;
    }
  }

  // Everything of sample i.
  void sample(const Inputs<T>& in, const T* saved, const Request& q, const Plan& plan, const Shared& shared, Work& k, int64_t i,
              bool firstSample, bool lastSample, T* filterSum, T* channelSum) const {
    const T* image = in.x + i * sampleSize();
    const Parameters& parameters = shared.parameters;
    k.x.load(g, image);
    if (plan.hasX) k.cx.load(g, q.cx + i * sampleSize());
    const T* own = saved ? saved + i * savedSample() : nullptr;
    const T* statsAt = own ? own + (keepsOutput() ? planes * planeSize() : 0) : nullptr;
    const T* mean = !normalised ? parameters.mean : (own ? statsAt : k.mean);
    const T* scale = !normalised ? parameters.scale : (own ? statsAt + padded() : k.scale);
    const Channels<const T> dp = readable(q.dpooled + i * pooledPixels * channels, k.staging);
    T* gdpooled = q.gdpooled ? q.gdpooled + i * pooledPixels * channels : nullptr;
    const Channels<T> gdp = gdpooled ? writable(gdpooled, k.stagingOut) : Channels<T>{k.stagingOut, kPlane, 0};
    const T* dattention = q.dattention ? q.dattention + i * pixels : nullptr;
    const int64_t pooledSize = pooledPixels * channels;
    Ahead ahead;
    if (q.gdpooled) ahead.add(gdpooled, pooledSize, true);
    if (firstSample) ahead.add(q.dpooled + i * pooledSize, pooledSize, false);
    if (!lastSample) ahead.add(q.dpooled + (i + 1) * pooledSize, pooledSize, false);
    if (!lastSample && plan.hasX) ahead.add(q.cx + (i + 1) * sampleSize(), sampleSize(), false);
    ahead.spread(g.forwardTiles());
    DotSweep<Operand> convolution = shared.forward.sweep(g);
    convolution.ahead = &ahead;

    for (int64_t plane = 0; plane < planes; plane += chunk) {
      const int64_t count = chunkPlanes(plane);
      const T* u = plan.recompute ? k.u : own + plane * planeSize();
      if (plan.recompute) {
        convolve(convolution, shared.packedForward, k.x.dot, parameters.bias, plane, count, k.u, false);
        if (normalised && !own) statistics(k.u, plane, count, k.mean, k.scale);
      }
      if (q.twice) {
        if (plan.hasX) convolve(convolution, shared.packedForward, k.cx.dot, parameters.cbias, plane, count, k.G, false);
        if (plan.hasW) convolve(convolution, shared.packedForwardW, k.x.dot, parameters.cbias, plane, count, k.G, plan.hasX);
        if (!plan.hasX && !plan.hasW) fillChannels(k.G, parameters.cbias + plane * kPlane, count);
      }
      derivatives(q, plan, shared, k, u, mean, scale, dp, gdp, dattention, plane, count, channelSum);
      adjoints(q, plan, shared, k, plane, count, firstSample, filterSum);
    }
    if (gdpooled) settle(gdpooled, k.stagingOut, 0, channels);
    if (!q.dx) return;
    T* dx = q.dx + i * sampleSize();
    if (!plan.inputFromDu && !plan.inputFromUb) {
      zero(dx, sampleSize());
    } else if (g.direct) {
      DotSweep<Operand> adjoint = shared.back.sweep(g);
      adjoint.ahead = &ahead;
      const auto add = [&](const E* from, const E* packed, bool accumulate) {
        adjoint.toRows(from, packed, nullptr, 0, g.s.h * g.s.w, 0, g.backVectors(), g.s.c, dx, g.s.c, accumulate);
      };
      if (plan.inputFromDu) add(k.du.dot, q.twice ? shared.packedBackW : shared.packedBack, false);
      if (plan.inputFromUb) add(k.ub.dot, shared.packedBack, plan.inputFromDu);
    } else {
      scatterPatches(g.s, g.backVectors() * L, k.patches, k.scattered, dx);
    }
  }

  void fillChannels(T* to, const T* values, int64_t count) const {
    for (int64_t p = 0; p < count; p++)
      for (int64_t v = 0; v < kPlane; v += L) {
        const V value = load(values + p * kPlane + v);
        for (int64_t i = 0; i < pixels; i++) store(to + p * planeSize() + i * kPlane + v, value);
      }
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

  // dy, then du and ū of a chunk, its part of gdpooled, and what it adds to the parameters' gradients.
  void derivatives(const Request& q, const Plan& plan, const Shared& shared, const Work& k, const T* u, const T* mean, const T* scale,
                   Channels<const T> dp, Channels<T> gdp, const T* dattention, int64_t plane, int64_t count, T* channelSum) const {
    const Parameters& parameters = shared.parameters;
    const int64_t offsetInDu = (plan.whole ? plane * k.du.plane : 0) + k.du.corner;
    T *du = k.du.real + offsetInDu, *ub = plan.needsUb ? k.ub.real + offsetInDu : du;
    const int64_t duPlane = k.du.plane, duRow = k.du.row;
    T* sums[5];
    for (int i = 0; i < 5; i++) sums[i] = k.sums + i * padded();
    T *sumDy = sums[0], *sumDyz = sums[1], *sumG = sums[2], *sumGz = sums[3], *sumGdy = sums[4];
    const int64_t first = plane * kPlane, end = (plane + count) * kPlane;
    for (int64_t c = first; c < end; c += L) {
      const int64_t p = (c - first) / kPlane, v = (c - first) % kPlane, offset = p * planeSize() + v;
      shared.first(grid, {normalAt(parameters, mean, scale, c), u + offset, dp.base + c / kPlane * dp.plane + v, dp.pixel, dattention,
                          k.G + offset, du + p * duPlane + v, duRow, sumDy + c, sumDyz + c, sumG + c, sumGz + c, sumGdy + c});
    }
    T* means[7];
    for (int i = 0; i < 7; i++) {
      means[i] = k.sums + (5 + i) * padded();
      if (!normalised) zero(means[i] + first, end - first);
    }
    if (normalised) {
      groupMeans(first, end, sumDy, parameters.gamma, means[0]);   // m1
      groupMeans(first, end, sumDyz, parameters.gamma, means[1]);  // m2
    }
    if (normalised && q.twice) {
      groupMeans(first, end, sumG, nullptr, means[2]);              // h1
      groupMeans(first, end, sumGz, nullptr, means[3]);             // h2
      groupMeans(first, end, sumGdy, parameters.gamma, means[4]);   // h3
      groupMeans(first, end, sumDy, parameters.cgamma, means[5]);   // mean(Γdy)
      groupMeans(first, end, sumDyz, parameters.cgamma, means[6]);  // mean(Γdy·z)
    }
    T *biasSum = channelSum, *gammaSum = channelSum + padded(), *betaSum = channelSum + 2 * padded();
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

    for (int64_t c = first; c < end; c += L) {
      const int64_t p = (c - first) / kPlane, v = (c - first) % kPlane, offset = p * planeSize() + v;
      const Normal<T> normal = normalAt(parameters, mean, scale, c);
      T *duAt = du + p * duPlane + v, *ubAt = ub + p * duPlane + v;
      if (q.twice) {
        TwiceArguments<T> a;
        a.normal = normal, a.cgamma = parameters.cgamma + c, a.cbeta = parameters.cbeta + c;
        for (int i = 0; i < 7; i++) a.means[i] = means[i] + c;
        a.u = u + offset, a.G = k.G + offset;
        a.du = duAt, a.ub = ubAt, a.row = duRow;
        a.gdpooled = gdp.base + c / kPlane * gdp.plane + v, a.gdpooledPixel = gdp.pixel;
        a.normalised = normalised;
        shared.second(grid, a);
      } else {
        secondSweep(grid, normal, u + offset, means[0] + c, means[1] + c, duAt, duRow);
      }
      // The bias in front of a normalisation of its own channel has no effect.
      if (q.dbias && groupSize > 1) pixelSum(grid, ubAt, duRow, biasSum + c);
    }
  }

  // Adjoints of the convolution to the filter, and to the input where patches are gathered, for the planes of a chunk.
  void adjoints(const Request& q, const Plan& plan, const Shared& shared, const Work& k, int64_t plane, int64_t count,
                bool firstSample, T* filterSum) const {
    const int64_t firstVector = plane * g.vectorsPerPlane, endVector = (plane + count) * g.vectorsPerPlane;
    const int64_t first = plan.whole ? plane : 0;
    k.du.convert(g.s, first, count);
    if (plan.needsUb) k.ub.convert(g.s, first, count);
    const auto filter = [&](const InputPlanes<Operand>& x, const OutputPlanes<Operand>& t, bool accumulate) {
      filterSweep(g, x.outer, t.outer + first * t.outerPlane, t.outerRow, t.outerPlane, plane, firstVector, endVector, filterSum,
                  padded(), accumulate);
    };
    if (plan.filterFromX) filter(k.x, q.twice ? k.ub : k.du, !firstSample);
    if (plan.filterFromCx) filter(k.cx, k.du, !firstSample || plan.filterFromX);
    if (g.direct) return;
    const E* packedDu = q.twice ? shared.packedBackW : shared.packedBack;
    if (plan.inputFromDu) gather(shared.back, packedDu, k.du.dot, plane, count, k.patches, plane > 0);
    if (plan.inputFromUb) gather(shared.back, shared.packedBack, k.ub.dot, plane, count, k.patches, plane > 0 || plan.inputFromDu);
  }

  // patches (+)= planes [plane, plane + count), times the filters.
  void gather(const BackTables<Operand>& tables, const E* packed, const E* from, int64_t plane, int64_t count, T* patches,
              bool accumulate) const {
    DotSweep<Operand> sweep = tables.sweep(g);
    sweep.runCount = count;
    sweep.firstRow = plane * (kPlane / Operand::group);
    const int64_t vectors = g.backVectors();
    sweep.toRows(from, packed, nullptr, 0, pixels, 0, vectors, vectors * L, patches, vectors * L, accumulate);
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
