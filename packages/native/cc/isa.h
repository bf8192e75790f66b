// The kernels of one instruction set behind plain function pointers, and the choice among them.
#pragma once
#include "conv.h"

namespace limbeck {

// What each instruction set provides: the functions of conv.h by the same names.
struct KernelTable {
  void (*convForward)(const ConvShape&, const float* x, const float* filter, const float* bias, float* y);
  void (*convBackwardInput)(const ConvShape&, const float* dy, const float* filter, float* dx);
  void (*convBackwardFilter)(const ConvShape&, const float* x, const float* dy, float* dfilter);
  void (*matmul)(int64_t batch, int64_t m, int64_t n, int64_t k, const float* a, int64_t strideA, bool transposeA, const float* b,
                 int64_t strideB, bool transposeB, float* c);
  int64_t (*blockSavedSize)(const BlockShape&);
  void (*blockForward)(const BlockShape&, const BlockInputs&, float* pooled, float* attention, float* channelAttention, float* saved,
                       float* moments);
  void (*blockBackward)(const BlockShape&, const BlockInputs&, const float* saved, const float* dpooled, const float* dattention,
                        const float* dchannelAttention, float* dx, float* dfilter, float* dbias, float* dgamma, float* dbeta);
  void (*blockBackwardBackward)(const BlockShape&, const BlockInputs&, const float* saved, const float* dpooled, const float* cx,
                                const float* cfilter, const float* cbias, const float* cgamma, const float* cbeta, float* gdpooled,
                                float* gx, float* gfilter, float* gbias, float* ggamma, float* gbeta);
  int64_t (*multiplyAddRounds)(int64_t rounds);  // ceiling-impl.h
};

// Per kernel file, without and with minimal filtering; null where the compiler's target has no such instructions.
const KernelTable* portableKernels(bool winograd);
const KernelTable* avx2Kernels(bool winograd);
const KernelTable* avx512Kernels(bool winograd);
const KernelTable* avx512Bfloat16Kernels();
const KernelTable* amxKernels();
const KernelTable* neonKernels(bool winograd);

// For the instruction set and the precision in use.
const KernelTable& kernels();
// And for a convolution: minimal filtering in float32 is faster than bfloat16 products but for those in tiles, so
// Precision::standard takes it first.
const KernelTable& kernels(const ConvShape& s);

// For tests: the kernels of all precisions until the next call, with null those of the instruction set in use again.
void useKernels(const KernelTable* table);

// "NAME: WHY" of an instruction set that the processor has and that is not used all the same; else empty.
const std::string& isaProblem();

}  // namespace limbeck
