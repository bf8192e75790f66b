import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { validateSyntheticSet } from "../synthetic/validate-set.ts";
import { writeFileBeside } from "./durable-file.ts";
import { encodeSafetensors, type SafetensorsTensor } from "./safetensors.ts";
import { describeSet } from "./set-format.ts";

/**
 * Writes a set as one safetensors file: `images` F32 `[N, H, W, C]` bit-exact, `labels` I64 `[N]` or F32 `[N, K]`; for
 * ZCA `zca_mean`, `zca_whiten`, `zca_unwhiten`; the whole description as metadata key `limbeck`, and its parts
 * that readers look for first as keys of their own.
 *
 * @throws {DataError} if the set is not whole.
 * @throws {RunError} if the disk is full or the path cannot be written.
 */
export function exportSafetensors(set: SyntheticSet, path: string): void {
  writeFileBeside(path, safetensorsOfSet(set));
}

/** The bytes that {@link exportSafetensors} writes. */
export function safetensorsOfSet(set: SyntheticSet): Uint8Array {
  validateSyntheticSet(set);
  const { images, size, shape, classes, labels, normalisation, augmentation, factor, provenance } = set;
  const tensors: Record<string, SafetensorsTensor> = {
    images: { shape: [size, ...shape], data: images },
    labels:
      labels.kind === "soft"
        ? { shape: [size, classes.length], data: labels.values }
        : { shape: [size], data: BigInt64Array.from(labels.values, BigInt) },
  };
  if (normalisation.kind === "zca") {
    const { mean, whiten, unwhiten } = normalisation;
    const square = [mean.length, mean.length];
    tensors["zca_mean"] = { shape: [mean.length], data: mean };
    tensors["zca_whiten"] = { shape: square, data: whiten };
    tensors["zca_unwhiten"] = { shape: square, data: unwhiten };
  }
  const description = describeSet(set);
  const metadata = {
    format: "limbeck",
    layout: "NHWC",
    limbeck: JSON.stringify(description),
    method: provenance.method,
    dataset: provenance.dataset,
    classes: JSON.stringify(classes),
    normalisation: JSON.stringify(description.normalisation),
    augmentation,
    ...(factor === undefined ? {} : { factor: String(factor) }),
  };
  return encodeSafetensors({ tensors, metadata });
}
