import * as tf from "@tensorflow/tfjs-core";
import { samplesAtOnce } from "../engine/samples-at-once.ts";
import type { RealImages } from "../method/method.ts";
import { choice, uniform } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import { oneHotLabels } from "./set-tensors.ts";
import { numbersOf } from "../engine/numbers-of.ts";

/** Maps normalised images `[N, H, W, C]` to rows `[N, D]`. */
export type Embedding = (images: tf.Tensor4D) => tf.Tensor2D;

/** Members of a class that are clustered at most; of more, a random part. */
const SAMPLE = 5000;
/** Images embedded at a time. */
const BATCH = 500;
const ITERATIONS = 50;

/**
 * `k` distinct members of a class, each the nearest to one centre of k-means over the class's embeddings.
 *
 * k-means++ seeding, at most 50 rounds of Lloyd's algorithm; an empty cluster takes the row farthest from its centre. Classes
 * of more than 5000 images are clustered on a random 5000 of them.
 *
 * @param members Positions of the class's images; at least `k`.
 * @returns `k` of `members`.
 * @see Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding" (SODA 2007).
 */
export function kMeansMembers(
  real: RealImages,
  members: Int32Array,
  k: number,
  key: Key,
  embed: Embedding = (images) => tf.reshape(images, [images.shape[0], -1]),
): Int32Array {
  const sample = members.length > SAMPLE ? choice(foldIn(key, "sample"), members, SAMPLE) : members;
  const rows = embeddedRows(real, sample, embed);
  try {
    const centres = kMeans(rows, k, foldIn(key, "seeds"));
    const distances = distancesToCentres(rows, centres);
    centres.dispose();
    return nearestDistinct(distances, k).map((row) => sample[row]!);
  } finally {
    rows.dispose();
  }
}

function embeddedRows(real: RealImages, positions: Int32Array, embed: Embedding): tf.Tensor2D {
  return tf.tidy(() => {
    const parts: tf.Tensor2D[] = [];
    const batch = Math.min(BATCH, samplesAtOnce());
    for (let start = 0; start < positions.length; start += batch) {
      parts.push(tf.tidy(() => embed(real.read(positions.subarray(start, start + batch)))));
    }
    return parts.length === 1 ? parts[0]! : tf.concat(parts, 0);
  });
}

/** Centres `[k, D]` of the rows `[N, D]`. The caller owns the tensor. */
function kMeans(rows: tf.Tensor2D, k: number, key: Key): tf.Tensor2D {
  const [n] = rows.shape;
  let centres = seedCentres(rows, k, key);
  let previous: Int32Array | undefined;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const distances = distancesToCentres(rows, centres);
    const assigned = assign(distances, n, k);
    if (previous?.every((cluster, row) => cluster === assigned[row]) === true) break;
    previous = assigned;
    const old = centres;
    centres = tf.tidy(() => {
      const indicator = oneHotLabels(assigned, k);
      const counts = tf.reshape(tf.sum(indicator, 0), [k, 1]);
      return tf.div(tf.matMul(indicator, rows, true), counts) as tf.Tensor2D;
    });
    old.dispose();
  }
  return centres;
}

/** k-means++: each further seed a row drawn with probability proportional to its squared distance to the nearest seed. */
function seedCentres(rows: tf.Tensor2D, k: number, key: Key): tf.Tensor2D {
  const [n] = rows.shape;
  const u = uniform(key, k);
  const seeds = [Math.floor(u[0]! * n)];
  const nearest = new Float64Array(n).fill(Infinity);
  while (seeds.length < k) {
    const distances = tf.tidy(() => distancesToCentres(rows, tf.slice(rows, [seeds.at(-1)!, 0], [1, -1])));
    for (let row = 0; row < n; row++) nearest[row] = Math.min(nearest[row]!, distances[row]!);
    for (const seed of seeds) nearest[seed] = 0;
    seeds.push(drawProportional(nearest, u[seeds.length]!, seeds));
  }
  return tf.tidy(() => tf.gather(rows, tf.tensor1d(seeds, "int32")));
}

function drawProportional(weights: Float64Array, u: number, taken: readonly number[]): number {
  let left = u * weights.reduce((sum, weight) => sum + weight, 0);
  for (let row = 0; row < weights.length; row++) {
    left -= weights[row]!;
    if (left < 0) return row;
  }
  // All rows coincide with seeds: any other row is as good.
  for (let row = 0; row < weights.length; row++) if (!taken.includes(row)) return row;
  return 0;
}

/** Squared distances `[N·k]`, row-major, by ‖x‖² − 2x·c + ‖c‖². */
function distancesToCentres(rows: tf.Tensor2D, centres: tf.Tensor2D): Float32Array {
  return numbersOf(() => {
    const squares = tf.sum(tf.square(rows), 1, true);
    const centreSquares = tf.reshape(tf.sum(tf.square(centres), 1), [1, -1]);
    const cross = tf.mul(tf.matMul(rows, centres, false, true), 2);
    return tf.relu(tf.add(tf.sub(squares, cross), centreSquares));
  });
}

/** Nearest centre of every row; clusters left empty take the rows farthest from their centres. */
function assign(distances: Float32Array, n: number, k: number): Int32Array {
  const assigned = new Int32Array(n);
  const counts = new Int32Array(k);
  for (let row = 0; row < n; row++) {
    let best = 0;
    for (let c = 1; c < k; c++) if (distances[row * k + c]! < distances[row * k + best]!) best = c;
    assigned[row] = best;
    counts[best]! += 1;
  }
  for (let empty = 0; empty < k; empty++) {
    if (counts[empty] !== 0) continue;
    let farthest = -1;
    for (let row = 0; row < n; row++) {
      const own = assigned[row]!;
      if (counts[own]! < 2) continue;
      if (farthest < 0 || distances[row * k + own]! > distances[farthest * k + assigned[farthest]!]!)
        farthest = row;
    }
    counts[assigned[farthest]!]! -= 1;
    counts[empty] = 1;
    assigned[farthest] = empty;
  }
  return assigned;
}

/** For each centre in turn the nearest row that no centre has yet. */
function nearestDistinct(distances: Float32Array, k: number): Int32Array {
  const taken = new Set<number>();
  return Int32Array.from({ length: k }, (_, c) => {
    let best = -1;
    for (let row = 0; row < distances.length / k; row++) {
      if (!taken.has(row) && (best < 0 || distances[row * k + c]! < distances[best * k + c]!)) best = row;
    }
    taken.add(best);
    return best;
  });
}
