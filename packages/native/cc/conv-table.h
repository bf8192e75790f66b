// Instantiates every pass for one operand kind, without or with minimal filtering, and puts them into a KernelTable. Included once per instruction set.
#pragma once
#include "block-backward.h"
#include "ceiling-impl.h"
#include "conv-pass.h"
#include "gemm-impl.h"
#include "isa.h"

namespace limbeck {
namespace LIMBECK_NS {

template <class Operand, bool Winograd>
struct Passes {
  using T = typename Operand::Real;

  static Inputs<T> inputs(const BlockInputs& in) { return {in.x, in.filter, in.bias, in.gamma, in.beta}; }

  static void convForward(const ConvShape& s, const T* x, const T* filter, const T* bias, T* y) {
    convForwardPass<Operand>(s, Winograd, x, filter, bias, y);
  }
  static void convBackwardInput(const ConvShape& s, const T* dy, const T* filter, T* dx) {
    convBackwardInputPass<Operand>(s, Winograd, dy, filter, dx);
  }
  static void convBackwardFilter(const ConvShape& s, const T* x, const T* dy, T* dfilter) {
    convBackwardFilterPass<Operand>(s, Winograd, x, dy, dfilter);
  }
  static int64_t blockSavedSize(const BlockShape& s) {
    const BlockPass<Operand> pass(s, Winograd);
    return pass.savedSize();
  }
  static void blockForward(const BlockShape& s, const BlockInputs& in, T* pooled, T* attention, T* channelAttention, T* saved,
                           T* moments) {
    BlockPass<Operand>(s, Winograd).forward(inputs(in), pooled, attention, channelAttention, saved, moments);
  }
  static void blockBackward(const BlockShape& s, const BlockInputs& in, const T* saved, const T* dpooled, const T* dattention,
                            const T* dchannelAttention, T* dx, T* dfilter, T* dbias, T* dgamma, T* dbeta) {
    typename BlockBackward<Operand>::Request q{};
    q.dpooled = dpooled, q.dattention = dattention, q.dchannel = dchannelAttention;
    q.dx = dx, q.dfilter = dfilter, q.dbias = dbias, q.dgamma = dgamma, q.dbeta = dbeta;
    BlockBackward<Operand>(s, Winograd).backward(inputs(in), saved, q);
  }
  static void blockBackwardBackward(const BlockShape& s, const BlockInputs& in, const T* saved, const T* dpooled, const T* cx,
                                    const T* cfilter, const T* cbias, const T* cgamma, const T* cbeta, T* gdpooled, T* gx,
                                    T* gfilter, T* gbias, T* ggamma, T* gbeta) {
    typename BlockBackward<Operand>::Request q{};
    q.twice = true;
    q.dpooled = dpooled;
    q.cx = cx, q.cfilter = cfilter, q.cbias = cbias, q.cgamma = cgamma, q.cbeta = cbeta;
    q.gdpooled = gdpooled, q.dx = gx, q.dfilter = gfilter, q.dbias = gbias, q.dgamma = ggamma, q.dbeta = gbeta;
    BlockBackward<Operand>(s, Winograd).backward(inputs(in), saved, q);
  }

  static const KernelTable* table() {
    static const KernelTable all{convForward, convBackwardInput, convBackwardFilter, matmulPass<T>, blockSavedSize, blockForward,
                                 blockBackward, blockBackwardBackward, MultiplyAddRounds<Operand>::run};
    return &all;
  }
};

}  // namespace LIMBECK_NS
}  // namespace limbeck
