// convForward, convBackwardInput and convBackwardFilter of conv.h over a batch; `winograd` allows minimal filtering.
#pragma once
#include "conv-impl.h"
#include "winograd-pass.h"

namespace limbeck {
namespace LIMBECK_NS {

template <class Operand>
void convForwardPass(const ConvShape& s, bool winograd, const typename Operand::Real* x, const typename Operand::Real* filter,
                     const typename Operand::Real* bias, typename Operand::Real* y) {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  constexpr int L = kLanes<T>;
  if (s.n <= 0 || s.oh <= 0 || s.ow <= 0 || s.o <= 0) return;
  const Geometry<Operand> g(s, winograd);
  if constexpr (Operand::plain) {
    if (g.winograd) return winogradForward(s, x, filter, bias, y);
  }
  const int64_t vectors = ceilDivide(s.o, L);
  ForwardTables<Operand> tables;
  E* packed;
  T* start;
  place(ScratchSlot::shared, [&](Pieces& pieces) {
    tables.take(pieces, g);
    packed = pieces.take<E>(tables.packedSize(g, vectors));
    start = pieces.take<T>(vectors * L);
  });
  tables.fill(g);
  tables.pack(g, filter, vectors, packed);
  padCopy(start, bias, s.o, vectors * L);
  const DotSweep<Operand> sweep = tables.sweep(g);
  const int64_t panels = ceilDivide(vectors, kTileVectors), slices = slicesOf(s.n, panels);
  parallel(s.n * slices, 1, [&](int64_t begin, int64_t end, int) {
    InputPlanes<Operand> planes;
    place(ScratchSlot::work, [&](Pieces& pieces) { planes.take(pieces, g, true, false); });
    planes.clear(g);
    for (int64_t i = begin; i < end; i++) {
      const int64_t n = i / slices, slice = i % slices;
      if (i == begin || slice == 0) planes.load(g, x + n * s.h * s.w * s.c);
      sweep.toRows(planes.dot, packed, start, 0, g.pixels, panels * slice / slices * kTileVectors,
                   least(vectors, panels * (slice + 1) / slices * kTileVectors), s.o, y + n * g.pixels * s.o, s.o, false);
    }
  });
}

template <class Operand>
void convBackwardInputPass(const ConvShape& s, bool winograd, const typename Operand::Real* dy, const typename Operand::Real* filter,
                           typename Operand::Real* dx) {
  using T = typename Operand::Real;
  using E = typename Operand::Element;
  if (s.n <= 0 || s.h <= 0 || s.w <= 0 || s.c <= 0) return;
  if (s.oh <= 0 || s.ow <= 0 || s.o <= 0) {
    zero(dx, s.n * s.h * s.w * s.c);
    return;
  }
  const Geometry<Operand> g(s, winograd);
  if constexpr (Operand::plain) {
    if (g.winograd) return winogradBackwardInput(s, dy, filter, dx);
  }
  BackTables<Operand> tables;
  E* packed;
  place(ScratchSlot::shared, [&](Pieces& pieces) {
    tables.take(pieces, g);
    packed = pieces.take<E>(tables.packedSize(g));
  });
  tables.fill(g);
  tables.pack(g, filter, packed);
  const DotSweep<Operand> sweep = tables.sweep(g);
  const int64_t vectors = g.backVectors(), panels = ceilDivide(vectors, kTileVectors), patchStride = vectors * g.L;
  const int64_t slices = g.direct ? slicesOf(s.n, panels) : 1;
  parallel(s.n * slices, 1, [&](int64_t begin, int64_t end, int) {
    OutputPlanes<Operand> planes;
    T *patches, *scattered;
    place(ScratchSlot::work, [&](Pieces& pieces) {
      planes.take(pieces, s, g.out, g.outPlanes, true, false);
      patches = pieces.take<T>(g.direct ? 0 : g.pixels * patchStride);
      scattered = pieces.take<T>(g.direct ? 0 : scatterSize(s));
    });
    planes.clear(g.outPlanes);
    for (int64_t i = begin; i < end; i++) {
      const int64_t n = i / slices, slice = i % slices;
      if (i == begin || slice == 0) {
        loadPlanes(g.out, dy + n * g.pixels * s.o, planes.real);
        planes.convert(s, 0, g.outPlanes);
      }
      T* out = dx + n * s.h * s.w * s.c;
      if (g.direct) {
        sweep.toRows(planes.dot, packed, nullptr, 0, s.h * s.w, panels * slice / slices * kTileVectors,
                     least(vectors, panels * (slice + 1) / slices * kTileVectors), s.c, out, s.c, false);
      } else {
        sweep.toRows(planes.dot, packed, nullptr, 0, g.pixels, 0, vectors, patchStride, patches, patchStride, false);
        scatterPatches(s, patchStride, patches, scattered, out);
      }
    }
  });
}

template <class Operand>
void convBackwardFilterPass(const ConvShape& s, bool winograd, const typename Operand::Real* x, const typename Operand::Real* dy,
                            typename Operand::Real* dfilter) {
  using T = typename Operand::Real;
  const int64_t taps = s.kh * s.kw * s.c;
  if (taps <= 0 || s.o <= 0) return;
  if (s.n <= 0 || s.oh <= 0 || s.ow <= 0) {
    zero(dfilter, taps * s.o);
    return;
  }
  const Geometry<Operand> g(s, winograd);
  if constexpr (Operand::plain) {
    if (g.winograd) return winogradBackwardFilter(s, x, dy, dfilter);
  }
  const int64_t vectors = g.outVectors(), padded = g.paddedOutputs();
  // With fewer samples than threads each thread takes some of the outputs of all samples.
  const bool byOutputs = s.n < parallelThreads();
  const int64_t panels = ceilDivide(vectors, kTileVectors);
  const int64_t parts = byOutputs ? 1 : parallelParts(s.n, 1);
  T* sums;
  place(ScratchSlot::shared, [&](Pieces& pieces) { sums = pieces.take<T>(parts * taps * padded); });
  const Planes bare{s.oh, s.ow, s.o, s.oh, s.ow, 0, 0, kPlane, g.outPlanes};
  parallel(byOutputs ? panels : s.n, 1, [&](int64_t begin, int64_t end, int thread) {
    const int64_t first = byOutputs ? begin * kTileVectors : 0, last = byOutputs ? least(vectors, end * kTileVectors) : vectors;
    const int64_t firstSample = byOutputs ? 0 : begin, endSample = byOutputs ? s.n : end;
    InputPlanes<Operand> planes;
    OutputPlanes<Operand> outputs;
    place(ScratchSlot::work, [&](Pieces& pieces) {
      planes.take(pieces, g, false, true);
      outputs.take(pieces, s, bare, g.outPlanes, false, true);
    });
    planes.clear(g);
    outputs.clear(g.outPlanes);
    for (int64_t n = firstSample; n < endSample; n++) {
      planes.load(g, x + n * s.h * s.w * s.c);
      loadPlanes(bare, dy + n * g.pixels * s.o, outputs.real);
      outputs.convert(s, 0, g.outPlanes);
      filterSweep(g, planes.outer, outputs.outer, outputs.outerRow, outputs.outerPlane, 0, first, last,
                  sums + (byOutputs ? 0 : thread) * taps * padded, padded, n > firstSample);
    }
  });
  reduceFilter(sums, parts, g, dfilter);
}

}  // namespace LIMBECK_NS
}  // namespace limbeck
