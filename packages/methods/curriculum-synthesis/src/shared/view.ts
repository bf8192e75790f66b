import { drawCropBoxes, foldIn, integers, resizedCrop, type Key } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

export interface ViewOptions {
  readonly key: Key;
  /** Range of the crop's share of the area; none: no crop and no flip. */
  readonly scale?: readonly [low: number, high: number] | undefined;
  /** Zeros around the images, of which a random window of the old size is cut out, mirrored by chance: in the place of `scale`. */
  readonly pad?: number | undefined;
  /** Whether half of the crops are mirrored. */
  readonly flip: boolean;
  /** Range of the circular shift, both ends included. */
  readonly shift: readonly [low: number, high: number];
  /** One view for all images, or one for each. */
  readonly each: boolean;
}

/**
 * What the teacher sees of the images: a resized crop, mirrored by chance, then a circular shift down and to the right. Differentiable in the images.
 *
 * @param images `[N, H, W, C]`.
 */
export function teacherView(images: tf.Tensor4D, options: ViewOptions): tf.Tensor4D {
  const { key, scale, pad, flip, shift, each } = options;
  const [n, height, width] = images.shape;
  let seen = images;
  if (scale !== undefined) {
    const drawn = drawCropBoxes(foldIn(key, "crop"), each ? n : 1, height, width, {
      scale,
      flip: flip ? 0.5 : 0,
    });
    seen = resizedCrop(images, each ? drawn : Array.from({ length: n }, () => drawn[0]!));
  }
  if (pad !== undefined) seen = paddedWindow(seen, pad, flip, foldIn(key, "window"));
  const [low, high] = shift;
  if (low === 0 && high === 0) return seen;
  const shifts = integers(foldIn(key, "jitter"), each ? 2 * n : 2, low, high + 1);
  if (!each) return rolled(rolled(seen, shifts[0]!, 1), shifts[1]!, 2);
  const own = (tf.split(seen, n) as tf.Tensor4D[]).map((image, i) =>
    rolled(rolled(image, shifts[2 * i]!, 1), shifts[2 * i + 1]!, 2),
  );
  return tf.concat(own);
}

/** One window for all images. */
function paddedWindow(images: tf.Tensor4D, pad: number, flip: boolean, key: Key): tf.Tensor4D {
  const [, height, width] = images.shape;
  const [top, left] = integers(foldIn(key, "place"), 2, 0, 2 * pad + 1);
  const [mirror] = integers(foldIn(key, "mirror"), 1, 0, 2);
  const rim: [number, number] = [pad, pad];
  const wide = tf.pad(images, [[0, 0], rim, rim, [0, 0]]);
  const window = tf.slice(wide, [0, top!, left!, 0], [-1, height, width, -1]);
  return flip && mirror === 1 ? tf.reverse(window, 2) : window;
}

/** Circular shift by `by` pixels towards the end of an axis. */
function rolled(images: tf.Tensor4D, by: number, axis: 1 | 2): tf.Tensor4D {
  const length = images.shape[axis];
  const moved = ((by % length) + length) % length;
  if (moved === 0) return images;
  const [front, back] = tf.split(images, [length - moved, moved], axis) as [tf.Tensor4D, tf.Tensor4D];
  return tf.concat([back, front], axis);
}
