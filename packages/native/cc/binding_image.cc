// Pooling and resampling of images.
#include "call.h"
#include "image.h"
#include "pool.h"
#include "simd.h"

namespace limbeck {
namespace {

constexpr int64_t kGrain = 16384;

// [n, h, w, c, fh, fw, strideH, strideW, padTop, padLeft, oh, ow]
PoolShape poolShape(Call& call, int i) {
  const Shape v = call.shape(i, "shape");
  if (v.size() != 12) call.fail("shape", "an array of 12 sizes", i);
  const PoolShape s{v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11]};
  if (s.fh < 1 || s.fw < 1 || s.strideH < 1 || s.strideW < 1) call.fail("shape", "windows and strides of at least 1", i);
  return s;
}

int64_t grainOf(int64_t rowSize) { return rowSize > 0 && kGrain / rowSize > 1 ? kGrain / rowSize : 1; }

// avgPool(shape, x, y), maxPool(shape, x, y)
napi_value pool(Call& call, decltype(SimdKernels::avgPool) loop) {
  const PoolShape s = poolShape(call, 0);
  const float* const x = call.floats(1, "x", s.n * s.h * s.w * s.c);
  float* const y = call.floats(2, "y", s.n * s.oh * s.ow * s.c);
  parallelFor(s.n * s.oh, grainOf(s.w * s.c * s.strideH), [&](int64_t begin, int64_t end, int) { loop(s, x, y, begin, end); });
  return call.undefined();
}
napi_value callAvgPool(Call& call) { return pool(call, simd().avgPool); }
napi_value callMaxPool(Call& call) { return pool(call, simd().maxPool); }

// avgPoolGrad(shape, dy, dx)
napi_value callAvgPoolGrad(Call& call) {
  const PoolShape s = poolShape(call, 0);
  const float* const dy = call.floats(1, "dy", s.n * s.oh * s.ow * s.c);
  float* const dx = call.floats(2, "dx", s.n * s.h * s.w * s.c);
  parallelFor(s.n * s.h, grainOf(s.w * s.c), [&](int64_t begin, int64_t end, int) { simd().avgPoolGrad(s, dy, dx, begin, end); });
  return call.undefined();
}

// maxPoolGrad(shape, x, dy, dx)
napi_value callMaxPoolGrad(Call& call) {
  const PoolShape s = poolShape(call, 0);
  const float* const x = call.floats(1, "x", s.n * s.h * s.w * s.c);
  const float* const dy = call.floats(2, "dy", s.n * s.oh * s.ow * s.c);
  float* const dx = call.floats(3, "dx", s.n * s.h * s.w * s.c);
  parallelFor(s.n, grainOf(s.h * s.w * s.c), [&](int64_t begin, int64_t end, int) { simd().maxPoolGrad(s, x, dy, dx, begin, end); });
  return call.undefined();
}

// [n, h, w, c, oh, ow], alignCorners, halfPixelCenters
ResizeShape resizeShape(Call& call) {
  const Shape v = call.shape(0, "shape");
  if (v.size() != 6) call.fail("shape", "an array of 6 sizes", 0);
  for (const int64_t size : v) {
    if (size < 1) call.fail("shape", "sizes of at least 1", 0);
  }
  return {v[0], v[1], v[2], v[3], v[4], v[5], call.boolean(1, "alignCorners"), call.boolean(2, "halfPixelCenters")};
}
napi_value callResizeBilinear(Call& call) {
  const ResizeShape s = resizeShape(call);
  resizeBilinear(s, call.floats(3, "x", s.n * s.h * s.w * s.c), call.floats(4, "y", s.n * s.oh * s.ow * s.c));
  return call.undefined();
}
napi_value callResizeBilinearGrad(Call& call) {
  const ResizeShape s = resizeShape(call);
  resizeBilinearGrad(s, call.floats(3, "dy", s.n * s.oh * s.ow * s.c), call.floats(4, "dx", s.n * s.h * s.w * s.c));
  return call.undefined();
}

// [n, h, w, c, grids, oh, ow]
SampleShape sampleShape(Call& call) {
  const Shape v = call.shape(0, "shape");
  if (v.size() != 7 || (v[4] != 1 && v[4] != v[0])) call.fail("shape", "[n, h, w, c, grids (1 or n), oh, ow]", 0);
  return {v[0], v[1], v[2], v[3], v[4], v[5], v[6]};
}
napi_value callAffineSample(Call& call) {
  const SampleShape s = sampleShape(call);
  affineSample(s, call.floats(1, "x", s.n * s.h * s.w * s.c), call.floats(2, "grid", s.grids * s.oh * s.ow * 2),
               call.floats(3, "y", s.n * s.oh * s.ow * s.c));
  return call.undefined();
}
napi_value callAffineSampleTranspose(Call& call) {
  const SampleShape s = sampleShape(call);
  affineSampleTranspose(s, call.floats(1, "dy", s.n * s.oh * s.ow * s.c), call.floats(2, "grid", s.grids * s.oh * s.ow * 2),
                        call.floats(3, "dx", s.n * s.h * s.w * s.c));
  return call.undefined();
}

}  // namespace

std::vector<Export> imageExports() {
  return {{"avgPool", callAvgPool},
          {"maxPool", callMaxPool},
          {"avgPoolGrad", callAvgPoolGrad},
          {"maxPoolGrad", callMaxPoolGrad},
          {"resizeBilinear", callResizeBilinear},
          {"resizeBilinearGrad", callResizeBilinearGrad},
          {"affineSample", callAffineSample},
          {"affineSampleTranspose", callAffineSampleTranspose}};
}

}  // namespace limbeck
