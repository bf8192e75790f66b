// The plain convolution passes by minimal filtering: conv-pass.h hands over what fits.
#pragma once
#include "conv-impl.h"
#include "conv-winograd.h"

namespace limbeck {
namespace LIMBECK_NS {

// y = the convolution of x by transformed filters, + start; bands of tiles are shared among the threads, and where there are fewer
// bands than threads also the panels of outputs.
template <class T>
void winogradSweep(const Winograd<T>& tiles, int64_t samples, const Raster<const T>& x, const T* packed, const T* start, const Raster<T>& y) {
  const int64_t all = samples * tiles.tiles(), bands = ceilDivide(all, tiles.band), vectors = tiles.outputs / kLanes<T>;
  const int64_t panels = ceilDivide(vectors, kTileVectors), slices = slicesOf(bands, panels);
  parallel(bands * slices, 1, [&](int64_t begin, int64_t end, int) {
    WinogradSpace<T> space;
    place(ScratchSlot::work, [&](Pieces& pieces) { tiles.take(pieces, space, 1, false); });
    const typename Winograd<T>::Term term{x, packed};
    for (int64_t i = begin; i < end; i++) {
      const int64_t band = i / slices, slice = i % slices;
      tiles.convolve(&term, 1, start, all * band / bands, all * (band + 1) / bands, panels * slice / slices * kTileVectors,
                     least(vectors, panels * (slice + 1) / slices * kTileVectors), y, space);
    }
  });
}

template <class T>
void winogradForward(const ConvShape& s, const T* x, const T* filter, const T* bias, T* y) {
  T* packed;
  place(ScratchSlot::shared, [&](Pieces& pieces) { packed = pieces.take<T>(winogradFilterSize(s.c, s.o)); });
  winogradFilter(s.c, s.o, filter, false, packed);
  winogradSweep(Winograd<T>::forward(s, kShortBand), s.n, denseRaster(x, s.h, s.w, s.c), packed, bias, denseRaster(y, s.oh, s.ow, s.o));
}

template <class T>
void winogradBackwardInput(const ConvShape& s, const T* dy, const T* filter, T* dx) {
  T* packed;
  place(ScratchSlot::shared, [&](Pieces& pieces) { packed = pieces.take<T>(winogradFilterSize(s.o, s.c)); });
  winogradFilter(s.c, s.o, filter, true, packed);
  winogradSweep<T>(Winograd<T>::adjoint(s, kShortBand), s.n, denseRaster(dy, s.oh, s.ow, s.o), packed, nullptr, denseRaster(dx, s.h, s.w, s.c));
}

template <class T>
void winogradBackwardFilter(const ConvShape& s, const T* x, const T* dy, T* dfilter) {
  const Winograd<T> tiles = Winograd<T>::forward(s, kLongBand);
  const int64_t all = s.n * tiles.tiles(), parts = parallelParts(all, tiles.band);
  T* sums;
  place(ScratchSlot::shared, [&](Pieces& pieces) { sums = pieces.take<T>(parts * winogradFilterSize(s.c, s.o)); });
  const typename Winograd<T>::Pair pair{denseRaster(x, s.h, s.w, s.c), denseRaster(dy, s.oh, s.ow, s.o)};
  parallel(all, tiles.band, [&](int64_t begin, int64_t end, int thread) {
    WinogradSpace<T> space;
    place(ScratchSlot::work, [&](Pieces& pieces) { tiles.take(pieces, space, 1, true); });
    tiles.filterSums(&pair, 1, begin, end, false, sums + thread * winogradFilterSize(s.c, s.o), space);
  });
  winogradFilterGradient(s.c, s.o, sums, parts, dfilter);
}

}  // namespace LIMBECK_NS
}  // namespace limbeck
