// What the fused block's passes take from minimal filtering (conv-winograd.h). A group of samples, as many as fill a band of tiles,
// goes through its convolutions together: all planes of u (and G, du and ū) of its samples are kept between them.
#pragma once
#include "conv-impl.h"
#include "conv-winograd.h"

namespace limbeck {
namespace LIMBECK_NS {

template <class Operand>
struct BlockWinograd {
  using T = typename Operand::Real;
  using Term = typename Winograd<T>::Term;
  using Pair = typename Winograd<T>::Pair;

  const Geometry<Operand>& g;
  Winograd<T> forward, adjoint;

  BlockWinograd(const Geometry<Operand>& geometry, int64_t band)
      : g(geometry), forward(Winograd<T>::forward(g.s, band)), adjoint(Winograd<T>::adjoint(g.s, band)) {}

  // Samples worked on together.
  int64_t group() const { return g.winograd ? most(1, least(g.s.n, forward.band / forward.tiles())) : 1; }

  Raster<const T> input(const T* x) const { return denseRaster(x, g.s.h, g.s.w, g.s.c); }
  // Planes of samples, `sample` numbers from one to the next.
  template <class P>
  Raster<P> output(P* u, int64_t sample) const {
    return planeRaster(u, g.s.oh, g.s.ow, sample);
  }

  // Planes [firstPlane, endPlane) of the sum of the terms' convolutions, + start.
  void convolve(const Term* terms, int count, const T* start, int64_t samples, int64_t firstPlane, int64_t endPlane, const Raster<T>& u,
                const WinogradSpace<T>& space) const {
    forward.convolve(terms, count, start, 0, samples * forward.tiles(), firstPlane * g.vectorsPerPlane, endPlane * g.vectorsPerPlane, u,
                     space);
  }
  void inputGradient(const Term* terms, int count, int64_t samples, T* dx, const WinogradSpace<T>& space) const {
    if (count == 0) return zero(dx, samples * g.s.h * g.s.w * g.s.c);
    adjoint.convolve(terms, count, nullptr, 0, samples * adjoint.tiles(), 0, g.s.c / kLanes<T>, denseRaster(dx, g.s.h, g.s.w, g.s.c),
                     space);
  }
  void filterSums(const Pair* pairs, int count, int64_t samples, bool accumulate, T* sums, const WinogradSpace<T>& space) const {
    if (count > 0) forward.filterSums(pairs, count, 0, samples * forward.tiles(), accumulate, sums, space);
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
