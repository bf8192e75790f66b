import type { ImageShape, Normalisation } from "../dataset/image-dataset.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { normal, uniform } from "../random/draw.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";

export interface ToySetOptions {
  /** Default `cat`, `dog`, `fish`. */
  readonly classes?: readonly string[];
  /** Default 2. */
  readonly ipc?: number;
  /** Default `[4, 5, 3]`: no two sides equal, so that swapped axes show. */
  readonly shape?: ImageShape;
  /** Default `hard`. */
  readonly labels?: "hard" | "soft";
  /** Default mean 0.5 and standard deviation 0.25. ZCA: the identity with a mean of 0.5. */
  readonly normalisation?: Normalisation["kind"];
  readonly factor?: number;
  readonly stepSize?: number;
  readonly seed?: number;
}

/** A synthetic set of random images, complete in every field. Same options, same bits. */
export function toySet(options: ToySetOptions = {}): SyntheticSet {
  const {
    classes = ["cat", "dog", "fish"],
    ipc = 2,
    shape = [4, 5, 3],
    factor,
    stepSize,
    seed = 0,
  } = options;
  const key = keyFromSeed(seed);
  const size = classes.length * ipc;
  const length = shape[0] * shape[1] * shape[2];
  return {
    images: normal(foldIn(key, "images"), size * length),
    size,
    shape,
    classes,
    labels:
      options.labels === "soft"
        ? {
            kind: "soft",
            values: uniform(foldIn(key, "labels"), size * classes.length),
            space: "probabilities",
          }
        : { kind: "hard", values: Int32Array.from({ length: size }, (_, i) => Math.floor(i / ipc)) },
    normalisation: options.normalisation === "zca" ? identityWhitening(length) : halfAndQuarter(shape[2]),
    augmentation: "color_crop_flip",
    ...(factor === undefined ? {} : { factor }),
    ...(stepSize === undefined ? {} : { stepSize }),
    provenance: {
      method: "toy",
      dataset: "toy",
      datasetSha256: "0".repeat(64),
      ipc,
      config: { ipc, iterations: 20, learningRate: 0.1 },
      seed,
      iterations: 20,
      backend: "cpu",
      precision: "highest",
      commit: "unknown",
      machine: "any",
      cite: "@misc{toy, title = {Toy}}",
    },
  };
}

function halfAndQuarter(channels: number): Normalisation {
  const repeat = (value: number) => Array.from({ length: channels }, () => value);
  return { kind: "mean-std", mean: repeat(0.5), std: repeat(0.25) };
}

function identityWhitening(length: number): Normalisation {
  const identity = Float32Array.from({ length: length * length }, (_, i) => (i % (length + 1) === 0 ? 1 : 0));
  return {
    kind: "zca",
    mean: new Float32Array(length).fill(0.5),
    whiten: identity,
    unwhiten: identity.slice(),
  };
}
