// Flags: baseline (none beyond the common ones). The functions of conv.h, handed to the instruction set in use.
#include "conv.h"

#include "isa.h"

namespace limbeck {

void convForward(const ConvShape& s, const float* x, const float* filter, const float* bias, float* y) {
  kernels().convForward(s, x, filter, bias, y);
}

void convBackwardInput(const ConvShape& s, const float* dy, const float* filter, float* dx) {
  kernels().convBackwardInput(s, dy, filter, dx);
}

void convBackwardFilter(const ConvShape& s, const float* x, const float* dy, float* dfilter) {
  kernels().convBackwardFilter(s, x, dy, dfilter);
}

void matmul(int64_t batch, int64_t m, int64_t n, int64_t k, const float* a, int64_t strideA, bool transposeA, const float* b,
            int64_t strideB, bool transposeB, float* c) {
  kernels().matmul(batch, m, n, k, a, strideA, transposeA, b, strideB, transposeB, c);
}

int64_t blockSavedSize(const BlockShape& s) { return kernels().blockSavedSize(s); }

void blockForward(const BlockShape& s, const BlockInputs& in, float* pooled, float* attention, float* saved, float* moments) {
  kernels().blockForward(s, in, pooled, attention, saved, moments);
}

void blockBackward(const BlockShape& s, const BlockInputs& in, const float* saved, const float* dpooled, const float* dattention,
                   float* dx, float* dfilter, float* dbias, float* dgamma, float* dbeta) {
  kernels().blockBackward(s, in, saved, dpooled, dattention, dx, dfilter, dbias, dgamma, dbeta);
}

void blockBackwardBackward(const BlockShape& s, const BlockInputs& in, const float* saved, const float* dpooled, const float* cx,
                           const float* cfilter, const float* cbias, const float* cgamma, const float* cbeta, float* gdpooled,
                           float* gx, float* gfilter, float* gbias, float* ggamma, float* gbeta) {
  kernels().blockBackwardBackward(s, in, saved, dpooled, cx, cfilter, cbias, cgamma, cbeta, gdpooled, gx, gfilter, gbias, ggamma,
                                  gbeta);
}

}  // namespace limbeck
