import * as tf from "@tensorflow/tfjs-core";
import { integers, normal, uniform } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import { affineSample } from "./affine-sample.ts";

/** What one image may undergo. */
export type DcOperation = "crop" | "scale" | "rotate" | "noise";

/** Ranges of the published code. */
const CROP = 4;
const SCALE = 0.2;
const ROTATE = 45;
const NOISE = 0.001;

/** A position far outside every image: reads zeros. */
const OUTSIDE = -1e6;

/**
 * The augmentation that DC's evaluation uses (never its distillation): each image undergoes one of the operations, chosen and drawn
 * for it alone.
 *
 * - crop: shifted by −4 … 3 pixels each way, the batch's channel mean moves in;
 * - scale: height and width by 0.8 … 1.2 independently, nearest neighbour, centred, zeros around;
 * - rotate: by a whole number of degrees from −45 to 44, the batch's mean moves in;
 * - noise: normal, deviation 0.001.
 *
 * Differs: rotation is bilinear, the authors' a cubic spline, whose output may also lie half a pixel off the centre.
 *
 * @param images `[N, H, W, C]`, normalised.
 * @param operations At least one.
 * @see Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", appendix; VICO-UoE/DatasetCondensation, utils.py.
 */
export function dcAugment(images: tf.Tensor4D, operations: readonly DcOperation[], key: Key): tf.Tensor4D {
  const [n, height, width, channels] = images.shape;
  const picks = Array.from(
    integers(foldIn(key, "operation"), n, 0, operations.length),
    (i) => operations[i]!,
  );
  const grid = new Float32Array(n * height * width * 2);
  const size = height * width * 2;
  picks.forEach((pick, i) =>
    fillGrid(grid.subarray(i * size, (i + 1) * size), pick, foldIn(foldIn(key, "image"), i), height, width),
  );
  return tf.tidy(() => {
    const means = tf.mean(images, [0, 1, 2]);
    const colours = { crop: means, rotate: tf.mul(tf.onesLike(means), tf.mean(means)) };
    const zeros = tf.zerosLike(means);
    const fills = picks.map((pick) => (pick === "crop" || pick === "rotate" ? colours[pick] : zeros));
    const fill = tf.reshape(tf.stack(fills), [n, 1, 1, channels]);
    const moved = affineSample(tf.sub(images, fill), tf.tensor4d(grid, [n, height, width, 2]));
    const filled = tf.add(moved, fill) as tf.Tensor4D;
    if (!picks.includes("noise")) return filled;
    const amount = Float32Array.from(picks, (pick) => (pick === "noise" ? NOISE : 0));
    const noise = tf.tensor4d(normal(foldIn(key, "noise"), images.size), images.shape);
    return tf.add(filled, tf.mul(noise, tf.tensor4d(amount, [n, 1, 1, 1]))) as tf.Tensor4D;
  });
}

/** Where every output pixel of one image is read: column, then row. */
function fillGrid(grid: Float32Array, pick: DcOperation, key: Key, height: number, width: number): void {
  const at = positions(pick, key, height, width);
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const [row, column] = at(i, j);
      grid[2 * (i * width + j)] = column;
      grid[2 * (i * width + j) + 1] = row;
    }
  }
}

function positions(
  pick: DcOperation,
  key: Key,
  height: number,
  width: number,
): (i: number, j: number) => readonly [row: number, column: number] {
  switch (pick) {
    case "crop": {
      const [dy, dx] = integers(key, 2, -CROP, CROP);
      return (i, j) => [i + dy!, j + dx!];
    }
    case "scale": {
      // Both from the height, as in the authors' code, whose images are square.
      const [h, w] = Array.from(uniform(key, 2, 1 - SCALE, 1 + SCALE), (factor) =>
        Math.floor(factor * height),
      );
      const [row, column] = [nearest(height, h!), nearest(width, w!)];
      return (i, j) => [row(i), column(j)];
    }
    case "rotate": {
      const [degrees] = integers(key, 1, -ROTATE, ROTATE);
      const angle = (degrees! * Math.PI) / 180;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const [y, x] = [(height - 1) / 2, (width - 1) / 2];
      return (i, j) => [y + cos * (i - y) - sin * (j - x), x + sin * (i - y) + cos * (j - x)];
    }
    case "noise":
      return (i, j) => [i, j];
  }
}

/** Source of pixel i of a side that was resized to `scaled` and put in the middle of, or cut out of, a side of the old length. */
function nearest(length: number, scaled: number): (i: number) => number {
  const canvas = Math.max(length, scaled);
  const shift = Math.floor((canvas - length) / 2) - Math.floor((canvas - scaled) / 2);
  return (i) => {
    const at = i + shift;
    return at < 0 || at >= scaled ? OUTSIDE : Math.floor((at * length) / scaled);
  };
}
