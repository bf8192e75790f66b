import * as tf from "@tensorflow/tfjs-core";

/**
 * Where output pixel (row i, column j) is read from: column `xj·j + xi·i + x0`, row `yj·j + yi·i + y0` of the input.
 * The map goes from output to input, so it is the inverse of what the picture seems to do.
 */
export interface AffineMap {
  readonly xj: number;
  readonly xi: number;
  readonly x0: number;
  readonly yj: number;
  readonly yi: number;
  readonly y0: number;
  /** Positions are moved to the nearest point of this box (inclusive, pixel centres): repeats the border instead of zeros. */
  readonly within?: {
    readonly left: number;
    readonly top: number;
    readonly right: number;
    readonly bottom: number;
  };
}

export const IDENTITY: AffineMap = { xj: 1, xi: 0, x0: 0, yj: 0, yi: 1, y0: 0 };

/** Moves the content `dx` pixels to the right and `dy` down. */
export function translation(dx: number, dy: number): AffineMap {
  return { ...IDENTITY, x0: -dx, y0: -dy };
}

/** `map` of a mirrored picture: the output columns are read from right to left. */
export function mirrored(map: AffineMap, outputWidth: number): AffineMap {
  const last = outputWidth - 1;
  return { ...map, xj: -map.xj, x0: map.x0 + map.xj * last, yj: -map.yj, y0: map.y0 + map.yj * last };
}

/**
 * Linear map about the image centre on normalised coordinates (−1 and 1 are the centres of the border pixels; "align corners"):
 * `x' = a·x + b·y`, `y' = c·x + d·y`, x along the columns.
 */
export function centred(
  a: number,
  b: number,
  c: number,
  d: number,
  height: number,
  width: number,
): AffineMap {
  const cx = (width - 1) / 2;
  const cy = (height - 1) / 2;
  const xi = cy > 0 ? (b * cx) / cy : 0;
  const yj = cx > 0 ? (c * cy) / cx : 0;
  return { xj: a, xi, x0: cx - a * cx - xi * cy, yj, yi: d, y0: cy - yj * cx - d * cy };
}

/** Sampling grid `[maps.length, height, width, 2]` for {@link affineSample}. */
export function samplingGrid(maps: readonly AffineMap[], height: number, width: number): tf.Tensor4D {
  const grid = new Float32Array(maps.length * height * width * 2);
  let at = 0;
  for (const map of maps) {
    const { xj, xi, x0, yj, yi, y0 } = map;
    const start = at;
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        grid[at] = xj * j + xi * i + x0;
        grid[at + 1] = yj * j + yi * i + y0;
        at += 2;
      }
    }
    if (map.within !== undefined) clampInto(grid.subarray(start, at), map.within);
  }
  return tf.tensor4d(grid, [maps.length, height, width, 2]);
}

function clampInto(positions: Float32Array, box: NonNullable<AffineMap["within"]>): void {
  for (let k = 0; k < positions.length; k += 2) {
    positions[k] = Math.min(Math.max(positions[k]!, box.left), box.right);
    positions[k + 1] = Math.min(Math.max(positions[k + 1]!, box.top), box.bottom);
  }
}
