import * as tf from "@tensorflow/tfjs-core";
import { areFloats, type KernelCall, type KernelTable, sizeOf } from "./native-kernel.ts";

/**
 * Reads images at the positions of a grid, bilinearly, with zeros outside. Inputs `x` `[N, H, W, C]` and `grid`
 * `[N or 1, H', W', 2]` (column, then row, in pixels of x); output `[N, H', W', C]`.
 */
export const AFFINE_SAMPLE = "AffineSample";
/** Its transpose. Inputs `dy` `[N, H', W', C]` and `grid`; attributes `height`, `width` of x; output `[N, H, W, C]`. */
export const AFFINE_SAMPLE_TRANSPOSE = "AffineSampleTranspose";

type Sizes4 = [number, number, number, number];

function resizeBilinear({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const images = inputs["images"]!;
  const { alignCorners, halfPixelCenters, size } = attrs as unknown as tf.ResizeBilinearAttrs;
  const [n, h, w, c] = images.shape as Sizes4;
  const [oh, ow] = size;
  if (!areFloats(images) || oh < 1 || ow < 1) return undefined;
  return backend.produce([n, oh, ow, c], (y) =>
    backend.addon.resizeBilinear(
      [n, h, w, c, oh, ow],
      alignCorners,
      halfPixelCenters,
      backend.floats(images),
      y,
    ),
  );
}

function resizeBilinearGrad({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const [images, dy] = [inputs["images"]!, inputs["dy"]!];
  if (!areFloats(images, dy)) return undefined;
  const [n, h, w, c] = images.shape as Sizes4;
  const [, oh, ow] = dy.shape as Sizes4;
  return backend.produce(images.shape, (dx) =>
    backend.addon.resizeBilinearGrad(
      [n, h, w, c, oh, ow],
      attrs["alignCorners"] === true,
      false,
      backend.floats(dy),
      dx,
    ),
  );
}

function checkGrid(kernel: string, images: tf.TensorInfo, grid: tf.TensorInfo): Sizes4 {
  const [grids, oh, ow, two] = grid.shape as Sizes4;
  const n = images.shape[0];
  if (images.shape.length !== 4 || grid.shape.length !== 4 || two !== 2 || (grids !== 1 && grids !== n)) {
    throw new Error(
      `${kernel}: images [N,H,W,C] and a grid [N or 1,H',W',2] are wanted, got [${images.shape}] and [${grid.shape}]`,
    );
  }
  if (images.dtype !== "float32" || grid.dtype !== "float32") {
    throw new Error(`${kernel}: float32 is wanted, got ${images.dtype} and ${grid.dtype}; cast them`);
  }
  return [grids, oh, ow, two];
}

function affineSample({ inputs, backend }: KernelCall): tf.TensorInfo {
  const [x, grid] = [inputs["x"]!, inputs["grid"]!];
  const [grids, oh, ow] = checkGrid(AFFINE_SAMPLE, x, grid);
  const [n, h, w, c] = x.shape as Sizes4;
  return backend.produce([n, oh, ow, c], (y) =>
    backend.addon.affineSample([n, h, w, c, grids, oh, ow], backend.floats(x), backend.floats(grid), y),
  );
}

function affineSampleTranspose({ inputs, attrs, backend }: KernelCall): tf.TensorInfo {
  const [dy, grid] = [inputs["dy"]!, inputs["grid"]!];
  const [grids, oh, ow] = checkGrid(AFFINE_SAMPLE_TRANSPOSE, dy, grid);
  const [n, dyHeight, dyWidth, c] = dy.shape as Sizes4;
  const [h, w] = [attrs["height"] as number, attrs["width"] as number];
  if (dyHeight !== oh || dyWidth !== ow || !(h >= 0) || !(w >= 0)) {
    throw new Error(
      `${AFFINE_SAMPLE_TRANSPOSE}: \`dy\` [N,${oh},${ow},C] and the image's height and width are wanted, ` +
        `got [${dy.shape}], ${h} and ${w}`,
    );
  }
  const shape = [n, h, w, c];
  if (sizeOf(dy.shape) === 0) return backend.produce(shape, (dx) => dx.fill(0));
  return backend.produce(shape, (dx) =>
    backend.addon.affineSampleTranspose(
      [n, h, w, c, grids, oh, ow],
      backend.floats(dy),
      backend.floats(grid),
      dx,
    ),
  );
}

/** Kernels that read images between their pixels. */
export const resamplingKernels: KernelTable = {
  [tf.ResizeBilinear]: resizeBilinear,
  [tf.ResizeBilinearGrad]: resizeBilinearGrad,
  [AFFINE_SAMPLE]: affineSample,
  [AFFINE_SAMPLE_TRANSPOSE]: affineSampleTranspose,
};
