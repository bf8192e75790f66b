// Convolution, matrix product and the fused block on float32 arrays: plain C++, no Node-API, no allocation visible to the
// caller. All pointers are dense row-major arrays (images NHWC, filters [kh, kw, C, O]). Threads come from pool.h.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace limbeck {

// highest: float32, every product of a convolution. high: float32 with Winograd's minimal filtering where a convolution has it
// (conv-winograd.h; 3 to 6 times the rounding). standard ("default"): bfloat16 products with float32 sums for all convolutions where the
// processor multiplies them in tiles (AMX); where it has them in pairs (AVX512_BF16) only for those that high does not filter minimally.
enum class Precision { highest, high, standard };
Precision precision();
void setPrecision(Precision value);

// Instruction set in use: "portable", "avx2", "avx512", "amx", "neon". Chosen at start from the processor and from
// the environment variable LIMBECK_ISA; setIsa throws std::invalid_argument naming those that this machine has.
const std::string& isa();
std::vector<std::string> availableIsas();
void setIsa(const std::string& name);

struct ConvShape {
  int64_t n, h, w, c;      // input
  int64_t o, kh, kw;       // filter
  int64_t strideH, strideW;
  int64_t padTop, padLeft; // zeros before the first row and column; those after follow from oh, ow
  int64_t oh, ow;          // output
};

// Whether a convolution's passes can be done by minimal filtering: 3×3, stride 1, channels in whole planes of 16, and an output
// of which whole tiles of 4×4 cover little more than is there (at least half the products are saved).
bool fitsWinograd(const ConvShape& s);

void convForward(const ConvShape& s, const float* x, const float* filter, const float* bias /* may be null */, float* y);
void convBackwardInput(const ConvShape& s, const float* dy, const float* filter, float* dx);
void convBackwardFilter(const ConvShape& s, const float* x, const float* dy, float* dfilter);

// c[b] = op(a[b]) · op(b[b]), m×k by k×n, b = 0…batch-1; a batch stride of 0 repeats the operand.
void matmul(int64_t batch, int64_t m, int64_t n, int64_t k, const float* a, int64_t strideA, bool transposeA,
            const float* b, int64_t strideB, bool transposeB, float* c);

// group: statistics of each sample and group of channels; batch: of each channel over all samples.
enum class Norm { none, group, batch };
enum class Activation { identity, relu, leakyrelu };
enum class Pool { none, average, max };

struct BlockShape {
  ConvShape conv;          // padTop == padLeft == pad, strideH == strideW
  Norm norm;
  int64_t groups;
  float epsilon;
  Activation activation;
  float slope;
  Pool pool;
  int64_t poolSize;
  float attentionPower;    // 0: no attention output
  int64_t ph() const { return pool == Pool::none ? conv.oh : conv.oh / poolSize; }
  int64_t pw() const { return pool == Pool::none ? conv.ow : conv.ow / poolSize; }
};

// Pointers to the block's inputs; bias, gamma, beta null where absent.
struct BlockInputs { const float *x, *filter, *bias, *gamma, *beta; };


// Floats to hand from the forward to the backward passes (0 is fine: then they recompute).
int64_t blockSavedSize(const BlockShape& s);

// attention and channelAttention (may be null) null where attentionPower is 0; saved null when no backward pass will follow. moments [2, O]: mean and biased variance
// of the convolution's results over the batch, null unless the normalisation is of the batch and somebody wants them.
void blockForward(const BlockShape& s, const BlockInputs& in, float* pooled, float* attention, float* channelAttention, float* saved,
                  float* moments);

// dattention may be null, dchannelAttention too and is without it; any output pointer may be null: it is then not computed. saved may be null: recompute.
void blockBackward(const BlockShape& s, const BlockInputs& in, const float* saved, const float* dpooled,
                   const float* dattention, const float* dchannelAttention, float* dx, float* dfilter, float* dbias, float* dgamma, float* dbeta);

// Backward of blockBackward (specs: x̄, w̄, b̄, γ̄, dp̄). Cotangents cx … cbeta of dx … dbeta, each null where zero.
// Outputs gdpooled, gx, gfilter, gbias, ggamma, gbeta, each null where not wanted.
void blockBackwardBackward(const BlockShape& s, const BlockInputs& in, const float* saved, const float* dpooled,
                           const float* cx, const float* cfilter, const float* cbias, const float* cgamma, const float* cbeta,
                           float* gdpooled, float* gx, float* gfilter, float* gbias, float* ggamma, float* gbeta);

// Bytes that all threads hold as scratch for these functions, and giving them back (not while one of them runs).
int64_t scratchBytes();
void releaseScratch();

}  // namespace limbeck
