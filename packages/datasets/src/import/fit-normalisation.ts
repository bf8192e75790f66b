import {
  checkNormalisation,
  ConfigError,
  DataError,
  denormaliseImages,
  normalisePixels,
  type ImageDataset,
  type ImageShape,
  type Normalisation,
} from "@limbeck/core";
import type { ForeignSet } from "./foreign-set.ts";
import type { ImageRows } from "./fit-images.ts";

/**
 * The space that values are in:
 * - `dataset`: normalised by the data set's own constants, as most suites save them; kept as they are.
 * - constants or a whitening: normalised by these; kept as they are.
 * - `none`: in [0, 1] and trained on like that; kept as they are.
 * - `unit`: in [0, 1], normalised by the data set's constants before training: done here.
 * - `pixels`: the same, from 0…255.
 */
export type StatedNormalisation = "dataset" | "none" | "unit" | "pixels" | Normalisation;

/** A mean colour further than this outside of black and white is no picture's. */
const MEAN_MARGIN = 0.25;
/** Largest share of values outside their range that optimised pixels are believed to have. */
const MOST_OUTSIDE = 0.5;

/**
 * Images as network input, and the normalisation that a network's test images need.
 *
 * @param rows `[N, H, W, C]`.
 * @throws {ConfigError} if floats come without a statement.
 * @throws {DataError} if a number is not finite, or the values contradict the statement.
 */
export function fitNormalisation(
  { where, normalisation: stored }: ForeignSet,
  { values, size }: ImageRows,
  dataset: ImageDataset,
  stated: StatedNormalisation | undefined,
): { values: Float32Array; normalisation: Normalisation } {
  const { shape } = dataset;
  const space = resolve(stated ?? stored ?? (values instanceof Uint8Array ? "pixels" : undefined), dataset);
  if (space === undefined) {
    throw new ConfigError(
      `${where}: the file does not tell in which space its floats are; state normalisation: dataset, unit, pixels, none, ` +
        `or constants`,
    );
  }
  checkNormalisation(space.normalisation, shape);
  if (values instanceof Uint8Array) {
    const tensor = normalisePixels(values, shape, space.normalisation);
    const images = Float32Array.from(tensor.dataSync());
    tensor.dispose();
    return { values: images, normalisation: space.normalisation };
  }
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const image = Math.floor((bad * size) / values.length);
    throw new DataError(`${where}: wanted finite images, got ${values[bad]} in image ${image}`);
  }
  if (space.scale === undefined) {
    checkPlausible(where, values, shape, space.normalisation);
    return { values, normalisation: space.normalisation };
  }
  checkRange(where, values, space.scale);
  return {
    values: standardise(values, space.scale, space.normalisation),
    normalisation: space.normalisation,
  };
}

interface Space {
  readonly normalisation: Normalisation;
  /** Of values that are yet to be normalised: what white is. */
  readonly scale?: 1 | 255;
}

function resolve(stated: StatedNormalisation | undefined, dataset: ImageDataset): Space | undefined {
  const { normalisation, shape } = dataset;
  switch (stated) {
    case undefined:
      return undefined;
    case "dataset":
      return { normalisation };
    case "unit":
      return { normalisation, scale: 1 };
    case "pixels":
      return { normalisation, scale: 255 };
    case "none": {
      const each = (value: number): number[] => Array.from({ length: shape[2] }, () => value);
      return { normalisation: { kind: "mean-std", mean: each(0), std: each(1) } };
    }
    default:
      return { normalisation: stated };
  }
}

function standardise(values: Float32Array, scale: number, normalisation: Normalisation): Float32Array {
  if (normalisation.kind === "zca") {
    throw new ConfigError(
      "import: floats that are yet to be whitened are not supported; whiten them before, or save bytes",
    );
  }
  const { mean, std } = normalisation;
  const channels = mean.length;
  return values.map((value, i) => (value / scale - mean[i % channels]!) / std[i % channels]!);
}

/** Values stated as pixels: few of them may lie outside. */
function checkRange(where: string, values: Float32Array, scale: number): void {
  let outside = 0;
  let largest = 0;
  for (const value of values) {
    if (value < 0 || value > scale) outside++;
    largest = Math.max(largest, value);
  }
  const small = scale === 255 && largest <= 2;
  if (!small && outside <= MOST_OUTSIDE * values.length) return;
  const share = Math.round((100 * outside) / values.length);
  throw new DataError(
    `${where}: wanted values from 0 to ${scale} as stated, got ${share} % outside and ${largest} as the largest; ` +
      `the stated normalisation does not fit`,
  );
}

/** Values stated as normalised: undone, their mean colour must be one, and they must not look like plain pixels. */
function checkPlausible(
  where: string,
  values: Float32Array,
  shape: ImageShape,
  normalisation: Normalisation,
): void {
  const fail = (what: string): never => {
    throw new DataError(`${where}: ${what}; the stated normalisation does not fit`);
  };
  let lowest = Infinity;
  for (const value of values) lowest = Math.min(lowest, value);
  const centred = normalisation.kind === "zca" || normalisation.mean.every((mean) => mean > 0.1);
  if (centred && lowest >= 0)
    fail("wanted normalised values, about as many below 0 as above, got none below 0");
  if (normalisation.kind === "zca") {
    // The whitening itself brings the mean to 0: what is far from it was made for another data set.
    const pictures = denormaliseImages(values, shape, normalisation);
    if (pictures.every((pixel) => pixel === 0 || pixel === 255))
      fail("wanted whitened images, got only black and white");
    return;
  }
  const { mean, std } = normalisation;
  const sums = mean.map(() => 0);
  values.forEach((value, i) => (sums[i % mean.length]! += value));
  const colour = sums.map((sum, c) => (sum / (values.length / mean.length)) * std[c]! + mean[c]!);
  if (colour.some((value) => value < -MEAN_MARGIN || value > 1 + MEAN_MARGIN)) {
    fail(`wanted a mean colour within [0, 1], got [${colour.map((value) => value.toFixed(2)).join(", ")}]`);
  }
}
