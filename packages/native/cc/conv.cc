// Flags: baseline (none beyond the common ones). The functions of conv.h, handed to the instruction set in use.
#include "conv.h"

#include "isa.h"

namespace limbeck {

bool fitsWinograd(const ConvShape& s) {
  const auto tiles = [](int64_t size) { return (size + 3) / 4; };
  return s.kh == 3 && s.kw == 3 && s.strideH == 1 && s.strideW == 1 && s.c > 0 && s.c % 16 == 0 && s.o > 0 && s.o % 16 == 0 &&
         s.h > 0 && s.w > 0 && 8 * tiles(s.oh) * tiles(s.ow) <= s.oh * s.ow && 8 * tiles(s.h) * tiles(s.w) <= s.h * s.w;
}

void convForward(const ConvShape& s, const float* x, const float* filter, const float* bias, float* y) {
  kernels(s).convForward(s, x, filter, bias, y);
}

void convBackwardInput(const ConvShape& s, const float* dy, const float* filter, float* dx) {
  kernels(s).convBackwardInput(s, dy, filter, dx);
}

void convBackwardFilter(const ConvShape& s, const float* x, const float* dy, float* dfilter) {
  kernels(s).convBackwardFilter(s, x, dy, dfilter);
}

void matmul(int64_t batch, int64_t m, int64_t n, int64_t k, const float* a, int64_t strideA, bool transposeA, const float* b,
            int64_t strideB, bool transposeB, float* c) {
  kernels().matmul(batch, m, n, k, a, strideA, transposeA, b, strideB, transposeB, c);
}

int64_t blockSavedSize(const BlockShape& s) { return kernels(s.conv).blockSavedSize(s); }

void blockForward(const BlockShape& s, const BlockInputs& in, float* pooled, float* attention, float* channelAttention, float* saved,
                  float* moments) {
  kernels(s.conv).blockForward(s, in, pooled, attention, channelAttention, saved, moments);
}

void blockBackward(const BlockShape& s, const BlockInputs& in, const float* saved, const float* dpooled, const float* dattention,
                   const float* dchannelAttention, float* dx, float* dfilter, float* dbias, float* dgamma, float* dbeta) {
  kernels(s.conv).blockBackward(s, in, saved, dpooled, dattention, dchannelAttention, dx, dfilter, dbias, dgamma, dbeta);
}

void blockBackwardBackward(const BlockShape& s, const BlockInputs& in, const float* saved, const float* dpooled, const float* cx,
                           const float* cfilter, const float* cbias, const float* cgamma, const float* cbeta, float* gdpooled,
                           float* gx, float* gfilter, float* gbias, float* ggamma, float* gbeta) {
  kernels(s.conv).blockBackwardBackward(s, in, saved, dpooled, cx, cfilter, cbias, cgamma, cbeta, gdpooled, gx, gfilter, gbias, ggamma,
                                  gbeta);
}

}  // namespace limbeck
