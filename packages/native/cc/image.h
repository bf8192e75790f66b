// Resampling of NHWC images.
#pragma once
#include <cstdint>

namespace limbeck {

struct ResizeShape {
  int64_t n, h, w, c, oh, ow;
  bool alignCorners, halfPixelCenters;
};

void resizeBilinear(const ResizeShape& s, const float* x, float* y);
// Transpose of resizeBilinear without half-pixel centres, as the other tfjs back ends have it: dy [n, oh, ow, c] → dx [n, h, w, c].
void resizeBilinearGrad(const ResizeShape& s, const float* dy, float* dx);

struct SampleShape {
  int64_t n, h, w, c, grids, oh, ow;  // grids: 1 (shared by all images) or n
};

// y[i, r, c] = x[i] at the pixel position grid[i, r, c] = (x, y): bilinear, zeros outside the image.
void affineSample(const SampleShape& s, const float* x, const float* grid, float* y);
// Its transpose: dy [n, oh, ow, c] → dx [n, h, w, c]. Each image is added up by one thread, in order.
void affineSampleTranspose(const SampleShape& s, const float* dy, const float* grid, float* dx);

}  // namespace limbeck
