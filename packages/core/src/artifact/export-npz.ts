import { zipSync } from "fflate";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { validateSyntheticSet } from "../synthetic/validate-set.ts";
import { writeFileBeside } from "./durable-file.ts";
import { encodeNpy, type NpyData } from "./npy.ts";

/** Zip has no time zone, and starts in 1980; one time for all keeps equal sets equal in bytes. */
const TIME = "1980-01-01T00:00:00";

/**
 * Writes a set as a NumPy archive: `images` float32 `[N, H, W, C]` bit-exact; `labels` int64 `[N]`, or `soft_labels` float32
 * `[N, K]`; `mean` and `std` float64 `[C]`, or `zca_mean`, `zca_whiten` and `zca_unwhiten` float32; `lr` where there is a learned
 * step size. Not compressed: such floats do not shrink.
 *
 * @throws {DataError} if the set is not whole.
 * @throws {RunError} if the disk is full or the path cannot be written.
 */
export function exportNpz(set: SyntheticSet, path: string): void {
  validateSyntheticSet(set);
  const { images, size, shape, classes, labels, normalisation, stepSize } = set;
  const files: Record<string, Uint8Array> = {};
  const add = (name: string, data: NpyData, dimensions: readonly number[]): void => {
    files[`${name}.npy`] = encodeNpy(data, dimensions);
  };
  add("images", images, [size, ...shape]);
  if (labels.kind === "soft") add("soft_labels", labels.values, [size, classes.length]);
  else add("labels", BigInt64Array.from(labels.values, BigInt), [size]);
  if (normalisation.kind === "zca") {
    const { mean, whiten, unwhiten } = normalisation;
    add("zca_mean", mean, [mean.length]);
    add("zca_whiten", whiten, [mean.length, mean.length]);
    add("zca_unwhiten", unwhiten, [mean.length, mean.length]);
  } else {
    add("mean", Float64Array.from(normalisation.mean), [shape[2]]);
    add("std", Float64Array.from(normalisation.std), [shape[2]]);
  }
  if (stepSize !== undefined) add("lr", Float64Array.of(stepSize), []);
  writeFileBeside(path, zipSync(files, { level: 0, mtime: TIME }));
}
