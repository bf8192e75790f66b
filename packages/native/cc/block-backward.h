// The backward pass of the fused block and the backward pass of that, in one: both take a sample through the same steps and differ
// in what they sum and in which operands meet. Formulas and names: block-pass.h.
#pragma once
#include "block-pass.h"

namespace limbeck {
namespace LIMBECK_NS {

template <class Operand>
struct BlockBackward : BlockPass<Operand> {
  using Base = BlockPass<Operand>;
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  using V = Vector<T>;
  using Parameters = typename Base::Parameters;
  using Base::across, Base::batchStatistics, Base::channels, Base::chunk, Base::g, Base::grid, Base::groupSize, Base::L, Base::normalised, Base::partial, Base::pixels;
  using Base::planes, Base::pooledPixels, Base::s, Base::window;
  using Base::Base, Base::chunkPlanes, Base::chunks, Base::convolve, Base::fillChannels, Base::fillParameters, Base::groupMeans;
  using Base::keepsOutput, Base::normalAt, Base::padded, Base::reduceChannels;
  using Base::planeSize, Base::readable, Base::sampleSize, Base::savedSample, Base::settle, Base::statistics, Base::takeParameters;
  using Base::packBack, Base::packedBackSize, Base::packedForwardSize, Base::packForward, Base::writable;

  // What both backward passes ask for. Backward: only dpooled, dattention, dchannel (null without dattention) and d…; backward of
  // backward: the rest.
  struct Request {
    const T *dpooled, *dattention, *dchannel;
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
    bool whole;                       // all planes of du and ū are kept, as the adjoint to the input reads them
    bool few;                         // fewer samples than threads: they share each sample
    bool winograd;                    // by minimal filtering, in groups of samples
    int64_t group;
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
    p.few = !across && g.s.n < parallelThreads();
    p.winograd = g.winograd && !p.few;
    p.group = p.winograd ? BlockWinograd<Operand>(g, kLongBand).group() : 1;
    p.whole = p.few || p.winograd || (g.direct && wantsInput);
    return p;
  }

  // Buffers of one thread.
  struct Work {
    InputPlanes<Operand> x, cx;
    OutputPlanes<Operand> du, ub;  // all planes, or a chunk
    T *u, *G;                      // a chunk
    T *patches, *scattered;
    T *mean, *scale;               // own statistics where none are saved
    T* sums;                       // 5 per-channel sums and 7 group means
    T* dchannel;                   // of one sample, padded
    T *staging, *stagingOut;
    WinogradSpace<T> space;
  };

  // A call: what was asked and what all threads share.
  struct Job {
    const Inputs<T>& in;
    const T* saved;
    const Request& q;
    Plan plan;
    int64_t parts;
    ForwardTables<Operand> forward{};
    BackTables<Operand> back{};
    E *packedForward = nullptr, *packedForwardW = nullptr, *packedBack = nullptr, *packedBackW = nullptr;
    Parameters parameters{};
    T *filterSums = nullptr, *channelSums = nullptr;  // per part: [kh·kw·C, padded]; [3, padded]: bias, gamma, beta
    FirstSweep<T> first = nullptr;
    TwiceSweep<T> second = nullptr;
    T *batch = nullptr, *batchSums = nullptr;         // with batch normalisation: own statistics where none are saved; [5, padded]
    Work few{};                                       // du, ub, patches and scattered where the threads share a sample
  };

  // One sample as a thread sees it.
  struct Sample {
    const T *own, *mean, *scale;
    Channels<const T> dp;
    Channels<T> gdp;
    T* gdpooled;
    const T* dattention;
    DotSweep<Operand> convolution;
    T *filterSum, *channelSum;
    bool first;  // of those that add to filterSum
  };

  int64_t filterSumSize(const Plan& plan) const { return plan.winograd ? winogradFilterSize(g.s.c, g.s.o) : g.patch * padded(); }

  void prepare(Job& k) const {
    const Request& q = k.q;
    const Plan& plan = k.plan;
    const int64_t sumsSize = k.parts * filterSumSize(plan);
    place(ScratchSlot::shared, [&](Pieces& pieces) {
      const int64_t forwardSize = packedForwardSize(plan.winograd), backSize = packedBackSize(plan.winograd);
      k.forward.take(pieces, g);
      k.back.take(pieces, g);
      k.packedForward = pieces.take<E>(plan.packsForward ? forwardSize : 0);
      k.packedForwardW = pieces.take<E>(plan.hasW ? forwardSize : 0);
      k.packedBack = pieces.take<E>(plan.packsBack ? backSize : 0);
      k.packedBackW = pieces.take<E>(plan.packsBackW ? backSize : 0);
      takeParameters(pieces, k.parameters);
      k.filterSums = pieces.take<T>(q.dfilter ? sumsSize : 0);
      k.channelSums = pieces.take<T>(k.parts * 3 * padded());
      k.batch = pieces.take<T>(across && !k.saved ? 2 * padded() : 0);
      k.batchSums = pieces.take<T>(across ? 5 * padded() : 0);
      if (plan.few) takeGradients(pieces, q, plan, k.few);
    });
    if (plan.few) clearGradients(plan, k.few);
    k.forward.fill(g);
    k.back.fill(g);
    if (plan.packsForward) packForward(plan.winograd, k.forward, k.in.filter, k.packedForward);
    if (plan.hasW) packForward(plan.winograd, k.forward, q.cfilter, k.packedForwardW);
    if (plan.packsBack) packBack(plan.winograd, k.back, k.in.filter, k.packedBack);
    if (plan.packsBackW) packBack(plan.winograd, k.back, q.cfilter, k.packedBackW);
    fillParameters(k.parameters, k.in);
    padCopy(k.parameters.cbias, q.cbias, channels, padded());
    padCopy(k.parameters.cgamma, q.cgamma, channels, padded());
    padCopy(k.parameters.cbeta, q.cbeta, channels, padded());
    zero(k.channelSums, k.parts * 3 * padded());
    if (q.dfilter && !plan.filterFromX && !plan.filterFromCx) zero(k.filterSums, sumsSize);
    const int power = q.dattention ? powerKind(grid.power) : 0;
    k.first = pick(s.activation, window, [&](auto act, auto kind) {
      return firstSweepFor<T, decltype(act)::value, decltype(kind)::value>(power, q.twice);
    });
    k.second = pick(s.activation, window, [&](auto act, auto kind) -> TwiceSweep<T> {
      return twiceSweep<T, decltype(act)::value, decltype(kind)::value>;
    });
  }

  // du, ū, and what becomes of them on the way to dx.
  void takeGradients(Pieces& pieces, const Request& q, const Plan& plan, Work& k) const {
    const bool gathers = q.dx && !g.direct && !plan.winograd;
    const Planes bare{g.s.oh, g.s.ow, channels, g.s.oh, g.s.ow, 0, 0, kPlane, chunk};
    const Planes& layout = plan.whole && !plan.winograd ? g.out : bare;
    const int64_t count = plan.whole ? plan.group * planes : chunk;
    k.du.take(pieces, g.s, layout, count, plan.inputFromDu, q.twice ? plan.filterFromCx : plan.filterFromX);
    if (plan.needsUb) k.ub.take(pieces, g.s, layout, count, plan.inputFromUb, plan.filterFromX);
    k.patches = pieces.take<T>(gathers ? pixels * g.backVectors() * L : 0);
    k.scattered = pieces.take<T>(gathers ? scatterSize(g.s) : 0);
  }
  void clearGradients(const Plan& plan, const Work& k) const {
    k.du.clear(plan.whole ? planes : chunk);
    k.ub.clear(plan.whole ? planes : chunk);
  }

  void takeWork(const Job& job, Work& k) const {
    const Request& q = job.q;
    const Plan& plan = job.plan;
    place(ScratchSlot::work, [&](Pieces& pieces) {
      if (plan.winograd) {
        Winograd<T>::forward(g.s, kLongBand).take(pieces, k.space, q.twice ? 2 : 1, q.dfilter);
      } else {
        k.x.take(pieces, g, plan.convolvesX, plan.filterFromX);
        k.cx.take(pieces, g, plan.hasX, plan.filterFromCx);
      }
      const int64_t kept = (plan.winograd ? plan.group * planes : chunk) * planeSize();
      k.u = pieces.take<T>(plan.recompute ? kept : 0);
      k.G = pieces.take<T>(q.twice ? kept : 0);
      if (!plan.few) takeGradients(pieces, q, plan, k);
      k.mean = pieces.take<T>(padded());
      k.scale = pieces.take<T>(padded());
      k.sums = pieces.take<T>(12 * padded());
      k.dchannel = pieces.take<T>(q.dattention ? padded() : 0);
      k.staging = pieces.take<T>(partial ? planes * pooledPixels * kPlane : 0);
      // Also where gdpooled goes when nobody wants it.
      k.stagingOut = pieces.take<T>(q.twice && (partial || !q.gdpooled) ? planes * pooledPixels * kPlane : 0);
    });
    k.x.clear(g);
    k.cx.clear(g);
    if (plan.few) k.du = job.few.du, k.ub = job.few.ub, k.patches = job.few.patches, k.scattered = job.few.scattered;
    else clearGradients(plan, k);
  }

  void backward(const Inputs<T>& in, const T* saved, const Request& q) const {
    const int64_t n = g.s.n;
    if (n <= 0 || pixels <= 0 || channels <= 0) {
      if (q.dx) zero(q.dx, most(0, n) * sampleSize());
      if (q.dfilter) zero(q.dfilter, g.patch * most(0, channels));
      for (T* each : {q.dbias, q.dgamma, q.dbeta})
        if (each) zero(each, most(0, channels));
      return;
    }
    Job job{in, saved, q, planFor(q, saved), 1};
    if (!job.plan.few) job.parts = parallelParts(n, 1);
    prepare(job);
    if (across) sumOverBatch(job);
    if (job.plan.few) {
      for (int64_t i = 0; i < n; i++) sampleTogether(job, i);
    } else {
      parallel(n, 1, [&](int64_t begin, int64_t end, int thread) {
        Work work{};
        takeWork(job, work);
        if constexpr (Operand::plain) {
          for (int64_t i = begin; job.plan.winograd && i < end; i += job.plan.group)
            groupAlone(job, work, i, least(job.plan.group, end - i), end, i == begin, thread);
          if (job.plan.winograd) return;
        }
        for (int64_t i = begin; i < end; i++) sampleAlone(job, work, i, i == begin, i + 1 == end, thread);
      });
    }
    if (q.dfilter && job.plan.winograd) winogradFilterGradient(g.s.c, g.s.o, job.filterSums, job.parts, q.dfilter);
    else if (q.dfilter) reduceFilter(job.filterSums, job.parts, g, q.dfilter);
    reduceChannels(job.channelSums, job.parts, 0, q.dbias);
    reduceChannels(job.channelSums, job.parts, 1, q.dgamma);
    reduceChannels(job.channelSums, job.parts, 2, q.dbeta);
  }

  Sample open(const Job& job, const Work& k, int64_t i, bool first, int thread) const {
    const Request& q = job.q;
    k.x.load(g, job.in.x + i * sampleSize());
    if (job.plan.hasX) k.cx.load(g, q.cx + i * sampleSize());
    Sample v{};
    v.own = job.saved ? job.saved + i * savedSample() : nullptr;
    const T* statistics = v.own ? v.own + (keepsOutput() ? planes * planeSize() : 0) : nullptr;
    if (across) statistics = batchStatisticsOf(job);
    v.mean = !normalised ? job.parameters.mean : (statistics ? statistics : k.mean);
    v.scale = !normalised ? job.parameters.scale : (statistics ? statistics + padded() : k.scale);
    v.dp = readable(q.dpooled + i * pooledPixels * channels, k.staging);
    v.gdpooled = q.gdpooled ? q.gdpooled + i * pooledPixels * channels : nullptr;
    v.gdp = v.gdpooled ? writable(v.gdpooled, k.stagingOut) : Channels<T>{k.stagingOut, kPlane, 0};
    v.dattention = q.dattention ? q.dattention + i * pixels : nullptr;
    if (q.dattention) padCopy(k.dchannel, q.dchannel ? q.dchannel + i * channels : nullptr, channels, padded());
    v.convolution = job.forward.sweep(g);
    v.filterSum = job.filterSums + thread * filterSumSize(job.plan);
    v.channelSum = job.channelSums + thread * 3 * padded();
    v.first = first;
    return v;
  }

  const T* batchStatisticsOf(const Job& job) const { return job.saved ? job.saved + g.s.n * savedSample() : job.batch; }

  // What the means of batch normalisation follow from: a first round over all samples.
  void sumOverBatch(const Job& job) const {
    const int64_t n = g.s.n, size = 5 * padded();
    if (!job.saved)
      batchStatistics(job.plan.winograd, job.forward.sweep(g), job.packedForward, job.parameters.bias, job.in.x, nullptr, job.batch,
                      job.batch + padded(), nullptr);
    T* own = nullptr;  // per sample
    place(ScratchSlot::samples, [&](Pieces& pieces) { own = pieces.take<T>(n * size); });
    parallel(n, 1, [&](int64_t begin, int64_t end, int thread) {
      Work work{};
      takeWork(job, work);
      zero(work.sums, size);  // not all requests have all sums
      if constexpr (Operand::plain) {
        for (int64_t i = begin; job.plan.winograd && i < end; i += job.plan.group) {
          int64_t at = i;
          everyChunk(job, work, i, least(job.plan.group, end - i), i == begin, thread,
                     [&](const Work& one, const Sample& v, const T* u, int64_t plane, int64_t count, bool last) {
                       firstRound(job, one, v, u, plane, count);
                       if (last) copy(own + at++ * size, work.sums, size);
                     });
        }
        if (job.plan.winograd) return;
      }
      for (int64_t i = begin; i < end; i++) {
        const Sample v = open(job, work, i, i == begin, thread);
        for (int64_t plane = 0; plane < planes; plane += chunk)
          firstRound(job, work, v, outputsOf(job, work, v, plane), plane, chunkPlanes(plane));
        copy(own + i * size, work.sums, size);
      }
    });
    for (int64_t c = 0; c < size; c++) {
      double sum = 0;
      for (int64_t i = 0; i < n; i++) sum += static_cast<double>(own[i * size + c]);
      job.batchSums[c] = T(sum);
    }
  }

  // u and G of a chunk, then all that follows from them.
  void chunkOf(const Job& job, const Work& k, const Sample& v, int64_t plane) const {
    const int64_t count = chunkPlanes(plane);
    const T* u = outputsOf(job, k, v, plane);
    firstRound(job, k, v, u, plane, count);
    derivatives(job, k, v, u, plane, count);
    adjoints(job, k, v, plane, count);
  }

  // u, and G into the thread's own buffer.
  const T* outputsOf(const Job& job, const Work& k, const Sample& v, int64_t plane) const {
    const Plan& plan = job.plan;
    const int64_t count = chunkPlanes(plane);
    const T* u = plan.recompute ? k.u : v.own + plane * planeSize();
    if (plan.recompute) {
      convolve(v.convolution, job.packedForward, k.x.dot, job.parameters.bias, plane, count, k.u, false);
      if (normalised && !across && !v.own) statistics(k.u, plane, count, k.mean, k.scale);
    }
    if (job.q.twice) {
      const T* cbias = job.parameters.cbias;
      if (plan.hasX) convolve(v.convolution, job.packedForward, k.cx.dot, cbias, plane, count, k.G, false);
      if (plan.hasW) convolve(v.convolution, job.packedForwardW, k.x.dot, cbias, plane, count, k.G, plan.hasX);
      if (!plan.hasX && !plan.hasW) fillChannels(k.G, cbias + plane * kPlane, count);
    }
    return u;
  }

  // A sample by one thread.
  void sampleAlone(const Job& job, const Work& k, int64_t i, bool firstOfThread, bool lastOfThread, int thread) const {
    const Request& q = job.q;
    const int64_t pooledSize = pooledPixels * channels;
    Sample v = open(job, k, i, firstOfThread, thread);
    Ahead ahead;
    ahead.add(v.gdpooled, pooledSize, true);
    if (firstOfThread) ahead.add(q.dpooled + i * pooledSize, pooledSize, false);
    if (!lastOfThread) ahead.add(q.dpooled + (i + 1) * pooledSize, pooledSize, false);
    if (!lastOfThread && job.plan.hasX) ahead.add(q.cx + (i + 1) * sampleSize(), sampleSize(), false);
    ahead.spread(g.forwardTiles());
    v.convolution.ahead = &ahead;
    for (int64_t plane = 0; plane < planes; plane += chunk) chunkOf(job, k, v, plane);
    if (v.gdpooled) settle(v.gdpooled, k.stagingOut, 0, channels);
    if (!q.dx) return;
    if (g.direct) inputGradient(job, k, i, 0, ceilDivide(g.backVectors(), kTileVectors), &ahead);
    else scatter(job, k, i);
  }

  // u and G of `count` samples by minimal filtering, then f(work, sample, u, plane, planes, last of its sample) for each of their chunks.
  template <class F>
  void everyChunk(const Job& job, const Work& k, int64_t i, int64_t count, bool firstOfThread, int thread, const F& f) const {
    using Minimal = BlockWinograd<Operand>;
    const Request& q = job.q;
    const Plan& plan = job.plan;
    const Minimal minimal(g, kLongBand);
    const int64_t sample = planes * planeSize();
    const auto x = minimal.input(job.in.x + i * sampleSize());
    if (plan.recompute) {
      const typename Minimal::Term term{x, job.packedForward};
      minimal.convolve(&term, 1, job.parameters.bias, count, 0, planes, minimal.output(k.u, sample), k.space);
    }
    if (plan.hasX || plan.hasW) {
      typename Minimal::Term terms[2];
      int given = 0;
      if (plan.hasX) terms[given++] = {minimal.input(q.cx + i * sampleSize()), job.packedForward};
      if (plan.hasW) terms[given++] = {x, job.packedForwardW};
      minimal.convolve(terms, given, job.parameters.cbias, count, 0, planes, minimal.output(k.G, sample), k.space);
    }
    for (int64_t s = 0; s < count; s++) {
      Work one = k;
      one.du.real += s * sample;
      if (plan.needsUb) one.ub.real += s * sample;
      const Sample v = open(job, one, i + s, firstOfThread && s == 0, thread);
      for (int64_t plane = 0; plane < planes; plane += chunk) {
        const int64_t here = chunkPlanes(plane), at = s * sample + plane * planeSize();
        one.u = k.u + at, one.G = k.G + at;
        if (plan.recompute && normalised && !across && !v.own) statistics(one.u, plane, here, k.mean, k.scale);
        if (q.twice && !plan.hasX && !plan.hasW) fillChannels(one.G, job.parameters.cbias + plane * kPlane, here);
        f(one, v, plan.recompute ? one.u : v.own + plane * planeSize(), plane, here, plane + chunk >= planes);
      }
    }
  }

  // `count` samples by one thread, through minimal filtering.
  void groupAlone(const Job& job, const Work& k, int64_t i, int64_t count, int64_t end, bool firstOfThread, int thread) const {
    using Minimal = BlockWinograd<Operand>;
    const Request& q = job.q;
    const Plan& plan = job.plan;
    const Minimal minimal(g, kLongBand);
    const int64_t sample = planes * planeSize();
    const auto x = minimal.input(job.in.x + i * sampleSize()), cx = minimal.input(plan.hasX ? q.cx + i * sampleSize() : nullptr);
    everyChunk(job, k, i, count, firstOfThread, thread, [&](const Work& one, const Sample& v, const T* u, int64_t plane, int64_t here, bool) {
      firstRound(job, one, v, u, plane, here);
      derivatives(job, one, v, u, plane, here);
    });
    const auto du = minimal.output(const_cast<const T*>(k.du.real), sample), ub = minimal.output(const_cast<const T*>(k.ub.real), sample);
    // What comes next is fetched meanwhile: for the filters' gradient, and for the next group.
    Ahead ahead;
    WinogradSpace<T> space = k.space;
    space.ahead = &ahead;
    const int64_t tiles = count * minimal.forward.tiles(), next = i + count, more = least(plan.group, end - next);
    const int64_t pooledSize = pooledPixels * channels;
    if (q.dx && plan.filterFromX) ahead.add(job.in.x + i * sampleSize(), count * sampleSize(), false);
    if (!plan.recompute) ahead.add(job.saved + next * savedSample(), more * savedSample(), false);
    else ahead.add(job.in.x + next * sampleSize(), more * sampleSize(), false);
    ahead.add(q.dpooled + next * pooledSize, more * pooledSize, false);
    if (q.gdpooled) ahead.add(q.gdpooled + next * pooledSize, more * pooledSize, true);
    ahead.spread((q.dx ? minimal.adjoint.steps(tiles) : 0) + (q.dfilter ? minimal.forward.filterSteps(tiles) : 0));
    if (q.dx) {
      typename Minimal::Term terms[2];
      int given = 0;
      if (plan.inputFromDu) terms[given++] = {du, q.twice ? job.packedBackW : job.packedBack};
      if (plan.inputFromUb) terms[given++] = {ub, job.packedBack};
      minimal.inputGradient(terms, given, count, q.dx + i * sampleSize(), space);
    }
    if (q.dfilter) {
      typename Minimal::Pair pairs[2];
      int given = 0;
      if (plan.filterFromX) pairs[given++] = {x, q.twice ? ub : du};
      if (plan.filterFromCx) pairs[given++] = {cx, du};
      minimal.filterSums(pairs, given, count, !firstOfThread, job.filterSums + thread * filterSumSize(plan), space);
    }
  }

  // A sample by all threads, where there are fewer samples than threads: by chunks, then by parts of dx. All planes of du and ū
  // are kept.
  void sampleTogether(const Job& job, int64_t i) const {
    const Request& q = job.q;
    parallel(chunks(), 1, [&](int64_t begin, int64_t end, int) {
      Work work{};
      takeWork(job, work);
      const Sample v = open(job, work, i, i == 0, 0);
      for (int64_t c = begin; c < end; c++) chunkOf(job, work, v, c * chunk);
      if (v.gdpooled) settle(v.gdpooled, work.stagingOut, begin * chunk * kPlane, end * chunk * kPlane);
    });
    if (!q.dx) return;
    if (g.direct) {
      parallel(ceilDivide(g.backVectors(), kTileVectors), 1, [&](int64_t begin, int64_t end, int) {
        inputGradient(job, job.few, i, begin, end, nullptr);
      });
    } else {
      parallel(pixels, 4 * kTilePixels, [&](int64_t begin, int64_t end, int) { gatherChunk(job, job.few, 0, planes, begin, end); });
      scatter(job, job.few, i);
    }
  }

  // dx by the direct adjoint, panels [firstPanel, endPanel) of channels.
  void inputGradient(const Job& job, const Work& k, int64_t i, int64_t firstPanel, int64_t endPanel, Ahead* ahead) const {
    T* dx = job.q.dx + i * sampleSize();
    DotSweep<Operand> adjoint = job.back.sweep(g);
    adjoint.ahead = ahead;
    const int64_t first = firstPanel * kTileVectors, end = least(g.backVectors(), endPanel * kTileVectors);
    const auto add = [&](const E* from, const E* packed, bool accumulate) {
      adjoint.toRows(from, packed, nullptr, 0, g.s.h * g.s.w, first, end, g.s.c, dx, g.s.c, accumulate);
    };
    const Plan& plan = job.plan;
    if (plan.inputFromDu) add(k.du.dot, job.q.twice ? job.packedBackW : job.packedBack, false);
    if (plan.inputFromUb) add(k.ub.dot, job.packedBack, plan.inputFromDu);
    if (!plan.inputFromDu && !plan.inputFromUb && firstPanel == 0) zero(dx, sampleSize());
  }

  // dx from gathered patches.
  void scatter(const Job& job, const Work& k, int64_t i) const {
    T* dx = job.q.dx + i * sampleSize();
    if (job.plan.inputFromDu || job.plan.inputFromUb) scatterPatches(g.s, g.backVectors() * L, k.patches, k.scattered, dx);
    else zero(dx, sampleSize());
  }

  int64_t offsetInDu(const Job& job, const Work& k, int64_t plane) const {
    return (job.plan.whole ? plane * k.du.plane : 0) + k.du.corner;
  }

  // dy of a chunk where du will be, and the sums that the means follow from.
  void firstRound(const Job& job, const Work& k, const Sample& sample, const T* u, int64_t plane, int64_t count) const {
    const Channels<const T>& dp = sample.dp;
    T* const du = k.du.real + offsetInDu(job, k, plane);
    const int64_t first = plane * kPlane, end = (plane + count) * kPlane;
    for (int64_t c = first; c < end; c += L) {
      const int64_t p = (c - first) / kPlane, v = (c - first) % kPlane, offset = p * planeSize() + v;
      T* const sums = k.sums + c;
      job.first(grid, {normalAt(job.parameters, sample.mean, sample.scale, c), u + offset, dp.base + c / kPlane * dp.plane + v, dp.pixel,
                       sample.dattention, k.dchannel + c, k.G + offset, du + p * k.du.plane + v, k.du.row, sums, sums + padded(), sums + 2 * padded(),
                       sums + 3 * padded(), sums + 4 * padded()});
    }
  }

  // From dy of a chunk du and ū, its part of gdpooled, and what it adds to the parameters' gradients.
  void derivatives(const Job& job, const Work& k, const Sample& sample, const T* u, int64_t plane, int64_t count) const {
    const Request& q = job.q;
    const Parameters& parameters = job.parameters;
    const T *mean = sample.mean, *scale = sample.scale;
    const Channels<T>& gdp = sample.gdp;
    T *du = k.du.real + offsetInDu(job, k, plane), *ub = job.plan.needsUb ? k.ub.real + offsetInDu(job, k, plane) : du;
    const int64_t duPlane = k.du.plane, duRow = k.du.row;
    const T *sumDy = k.sums, *sumDyz = k.sums + padded(), *sumGdy = k.sums + 4 * padded();
    const T* const set = across ? job.batchSums : k.sums;  // sums of the values that share a mean
    const int64_t first = plane * kPlane, end = (plane + count) * kPlane;
    T* means[7];
    for (int i = 0; i < 7; i++) {
      means[i] = k.sums + (5 + i) * padded();
      if (!normalised) zero(means[i] + first, end - first);
    }
    if (normalised) {
      groupMeans(first, end, set, parameters.gamma, means[0]);             // m1
      groupMeans(first, end, set + padded(), parameters.gamma, means[1]);  // m2
    }
    if (normalised && q.twice) {
      groupMeans(first, end, set + 2 * padded(), nullptr, means[2]);           // h1
      groupMeans(first, end, set + 3 * padded(), nullptr, means[3]);           // h2
      groupMeans(first, end, set + 4 * padded(), parameters.gamma, means[4]);  // h3
      groupMeans(first, end, set, parameters.cgamma, means[5]);                // mean(Γdy)
      groupMeans(first, end, set + padded(), parameters.cgamma, means[6]);     // mean(Γdy·z)
    }
    T *biasSum = sample.channelSum, *gammaSum = biasSum + padded(), *betaSum = gammaSum + padded();
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
        job.second(grid, a);
      } else {
        secondSweep(grid, normal, u + offset, means[0] + c, means[1] + c, duAt, duRow);
      }
      // The bias in front of a normalisation of its own channel has no effect.
      if (q.dbias && groupSize > 1) pixelSum(grid, ubAt, duRow, biasSum + c);
    }
  }

  // Adjoints of the convolution to the filter, and to the input where patches are gathered, for the planes of a chunk.
  void adjoints(const Job& job, const Work& k, const Sample& sample, int64_t plane, int64_t count) const {
    const Plan& plan = job.plan;
    const int64_t firstVector = plane * g.vectorsPerPlane, endVector = (plane + count) * g.vectorsPerPlane;
    const int64_t first = plan.whole ? plane : 0;
    k.du.convert(g.s, first, count);
    if (plan.needsUb) k.ub.convert(g.s, first, count);
    const auto filter = [&](const InputPlanes<Operand>& x, const OutputPlanes<Operand>& t, bool accumulate) {
      filterSweep(g, x.outer, t.outer + first * t.outerPlane, t.outerRow, t.outerPlane, plane, firstVector, endVector,
                  sample.filterSum, padded(), accumulate);
    };
    if (plan.filterFromX) filter(k.x, job.q.twice ? k.ub : k.du, !sample.first);
    if (plan.filterFromCx) filter(k.cx, k.du, !sample.first || plan.filterFromX);
    if (!g.direct && !plan.few) gatherChunk(job, k, plane, count, 0, pixels);
  }

  // patches (+)= planes [plane, plane + count) of du and ū, times the filters, for a range of pixels.
  void gatherChunk(const Job& job, const Work& k, int64_t plane, int64_t count, int64_t firstPixel, int64_t endPixel) const {
    const Plan& plan = job.plan;
    const int64_t vectors = g.backVectors();
    DotSweep<Operand> sweep = job.back.sweep(g);
    sweep.runCount = count;
    sweep.firstRow = plane * (kPlane / Operand::group);
    const auto add = [&](const E* from, const E* packed, bool accumulate) {
      sweep.toRows(from, packed, nullptr, firstPixel, endPixel, 0, vectors, vectors * L, k.patches, vectors * L, accumulate);
    };
    if (plan.inputFromDu) add(k.du.dot, job.q.twice ? job.packedBackW : job.packedBack, plane > 0);
    if (plan.inputFromUb) add(k.ub.dot, job.packedBack, plane > 0 || plan.inputFromDu);
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
