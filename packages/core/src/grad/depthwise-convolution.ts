import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../errors.ts";
import { differentiableOp1 } from "./differentiable-op.ts";
import { ensureGradients } from "./ensure-gradients.ts";

/** Geometry of a depthwise convolution. */
interface Geometry {
  readonly stride: number;
  /** Zeros added on every side. */
  readonly pad: number;
}

/**
 * Depthwise convolution: every channel has a filter of its own,
 *
 *     y[n, i, j, c] = Σ_{a,b} x[n, s·i + a − pad, s·j + b − pad, c] · filter[a, b, c]
 *
 * Differentiable in `x` and `filter`, any number of times: the sum ⟨y, t⟩ is linear in each of x, filter and t, so the gradients
 * are three functions that are each other's. Computed filter tap by filter tap in plain operations.
 *
 * @param x `[N, H, W, C]`.
 * @param filter `[k, k, C]`.
 * @returns `[N, ⌊(H + 2·pad − k)/s⌋ + 1, …, C]`.
 * @throws {ShapeError} if the filter's channels are not those of `x`.
 */
export function depthwiseConvolution(x: tf.Tensor4D, filter: tf.Tensor3D, geometry: Geometry): tf.Tensor4D {
  if (x.shape[3] !== filter.shape[2]) {
    throw new ShapeError(
      `depthwiseConvolution: filter must have shape [k,k,${x.shape[3]}] for images [${x.shape}], got [${filter.shape}]`,
    );
  }
  ensureGradients();
  return convolve(x, filter, geometry);
}

function convolve(x: tf.Tensor4D, filter: tf.Tensor3D, geometry: Geometry): tf.Tensor4D {
  return differentiableOp1<tf.Tensor4D>({
    inputs: { x, filter },
    forward: (save) => {
      save([x, filter]);
      return tf.tidy(() => overTaps(padded(x, geometry.pad), filter, geometry.stride));
    },
    backward: (dy, saved) => {
      const [input, weights] = saved as [tf.Tensor4D, tf.Tensor3D];
      return {
        x: () => toInput(dy, weights, input.shape, geometry),
        filter: () => toFilter(input, dy, weights.shape, geometry),
      };
    },
  });
}

/** Transpose of the convolution in `x`. */
function toInput(
  dy: tf.Tensor4D,
  filter: tf.Tensor3D,
  inputShape: tf.Tensor4D["shape"],
  geometry: Geometry,
): tf.Tensor4D {
  return differentiableOp1<tf.Tensor4D>({
    inputs: { dy, filter },
    forward: (save) => {
      save([dy, filter]);
      return tf.tidy(() => {
        const { stride, pad } = geometry;
        const [n, h, w, c] = inputShape;
        const size = filter.shape[0];
        // The convolution of the spread-out gradient with the mirrored filter covers the padded image from its corner on.
        const full = overTaps(padded(spread(dy, stride), size - 1), tf.reverse(filter, [0, 1]), 1);
        const missing = [h + 2 * pad - full.shape[1], w + 2 * pad - full.shape[2]] as const;
        const whole = tf.pad(full, [
          [0, 0],
          [0, Math.max(0, missing[0])],
          [0, Math.max(0, missing[1])],
          [0, 0],
        ]);
        return tf.slice(whole, [0, pad, pad, 0], [n, h, w, c]);
      });
    },
    backward: (ddx, saved) => {
      const [upstream, weights] = saved as [tf.Tensor4D, tf.Tensor3D];
      return {
        dy: () => convolve(ddx, weights, geometry),
        filter: () => toFilter(ddx, upstream, weights.shape, geometry),
      };
    },
  });
}

/** Transpose of the convolution in its filter. */
function toFilter(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  filterShape: tf.Tensor3D["shape"],
  geometry: Geometry,
): tf.Tensor3D {
  return differentiableOp1<tf.Tensor3D>({
    inputs: { x, dy },
    forward: (save) => {
      save([x, dy]);
      return tf.tidy(() => {
        const wide = padded(x, geometry.pad);
        const sums = taps(filterShape[0]).map(([a, b]) =>
          tf.sum(tf.mul(shifted(wide, a, b, dy.shape, geometry.stride), dy), [0, 1, 2]),
        );
        return tf.reshape(tf.stack(sums), filterShape);
      });
    },
    backward: (ddw, saved) => {
      const [input, upstream] = saved as [tf.Tensor4D, tf.Tensor4D];
      return {
        x: () => toInput(upstream, ddw, input.shape, geometry),
        dy: () => convolve(input, ddw, geometry),
      };
    },
  });
}

/** The convolution of an image that is padded already. */
function overTaps(wide: tf.Tensor4D, filter: tf.Tensor3D, stride: number): tf.Tensor4D {
  const [n, h, w, c] = wide.shape;
  const size = filter.shape[0];
  const shape: tf.Tensor4D["shape"] = [
    n,
    Math.floor((h - size) / stride) + 1,
    Math.floor((w - size) / stride) + 1,
    c,
  ];
  let sum: tf.Tensor4D | undefined;
  for (const [a, b] of taps(size)) {
    const weight = tf.reshape(tf.slice(filter, [a, b, 0], [1, 1, c]), [c]);
    const term: tf.Tensor4D = tf.mul(shifted(wide, a, b, shape, stride), weight);
    sum = sum === undefined ? term : tf.add(sum, term);
  }
  return sum!;
}

function taps(size: number): (readonly [number, number])[] {
  return Array.from({ length: size * size }, (_, i) => [Math.floor(i / size), i % size] as const);
}

/** Every `stride`-th pixel from (a, b) on. */
function shifted(
  wide: tf.Tensor4D,
  a: number,
  b: number,
  [n, h, w, c]: readonly number[],
  stride: number,
): tf.Tensor4D {
  if (stride === 1) return tf.slice(wide, [0, a, b, 0], [n!, h!, w!, c!]);
  const end = [n!, a + (h! - 1) * stride + 1, b + (w! - 1) * stride + 1, c!];
  return tf.stridedSlice(wide, [0, a, b, 0], end, [1, stride, stride, 1]) as tf.Tensor4D;
}

function padded(x: tf.Tensor4D, pad: number): tf.Tensor4D {
  if (pad === 0) return x;
  return tf.pad(x, [
    [0, 0],
    [pad, pad],
    [pad, pad],
    [0, 0],
  ]);
}

/** Puts `stride − 1` zeros after every pixel. */
function spread(dy: tf.Tensor4D, stride: number): tf.Tensor4D {
  if (stride === 1) return dy;
  const [n, h, w, c] = dy.shape;
  const zeros = [0, stride - 1] as [number, number];
  const cells = tf.pad(tf.reshape(dy, [n, h, 1, w, c]), [[0, 0], [0, 0], zeros, [0, 0], [0, 0]]);
  const rows = tf.reshape(cells, [n, h * stride, w, 1, c]);
  const wide: tf.Tensor4D = tf.reshape(tf.pad(rows, [[0, 0], [0, 0], [0, 0], zeros, [0, 0]]), [
    n,
    h * stride,
    w * stride,
    c,
  ]);
  return tf.slice(wide, [0, 0, 0, 0], [n, (h - 1) * stride + 1, (w - 1) * stride + 1, c]);
}
