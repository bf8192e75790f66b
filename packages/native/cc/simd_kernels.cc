// The leaf loops of simd.h for one instruction set: compiled once for each with its own flags and LIMBECK_SIMD_TABLE.
#include "simd_elementwise.h"
#include "simd_pooling.h"
#include "simd_reduce.h"

namespace limbeck {

extern const SimdKernels LIMBECK_SIMD_TABLE;

#define U(name) unaryLoop<Unary_##name>
#define P(n) unaryLoop<Unary_pow<n>>
#define B(name) binaryLoop<Binary_##name>

const SimdKernels LIMBECK_SIMD_TABLE = {
    {U(neg), U(abs), U(square), U(sqrt), U(rsqrt), U(reciprocal), U(exp), U(expm1), U(log), U(log1p),
     U(sigmoid), U(tanh), periodicLoop<Unary_sin, sineFar>, periodicLoop<Unary_cos, cosineFar>, U(relu), U(relu6), U(leakyRelu), U(elu), U(selu), U(softplus), U(step), U(sign),
     U(erf), U(clip), U(ceil), U(floor), U(round), U(addScalar), U(mulScalar), P(0), P(1), P(2), P(3), P(4), P(5), P(6),
     P(7), P(8), P(-1), P(-2), P(-3), P(-4), U(powHalf), U(powAny)},
    {B(add), B(sub), B(mul), B(div), B(maximum), B(minimum), B(pow), B(squaredDifference), B(prelu), B(eluGrad)},
    {B(equal), B(notEqual), B(less), B(lessEqual), B(greater), B(greaterEqual)},
    selectLoop,
    fillLoop,
    fromBytesLoop,
    fromIntsLoop,
    nonZeroLoop,
    axpyLoop,
    sumRowLoop,
    prodRowLoop,
    extremeRowLoop<true>,
    extremeRowLoop<false>,
    sumColumnsLoop,
    prodColumnsLoop,
    extremeColumnsLoop<true>,
    extremeColumnsLoop<false>,
    softmaxRowsLoop,
    avgPoolLoop,
    maxPoolLoop,
    avgPoolGradLoop,
    maxPoolGradLoop,
};

}  // namespace limbeck
