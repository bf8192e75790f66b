import { createHash, type Hash } from "node:crypto";
import type { SyntheticSet } from "./synthetic-set.ts";

/**
 * SHA-256 of what a set trains with: images, labels, normalisation, classes, augmentation, factor and step size, hexadecimal. Where
 * the set came from (`provenance`) does not count. Records name sets by it.
 */
export function hashSyntheticSet(set: Omit<SyntheticSet, "provenance">): string {
  const { images, size, shape, classes, labels, normalisation, augmentation, factor, stepSize } = set;
  const hash = createHash("sha256");
  const header = {
    version: 1,
    size,
    shape,
    classes,
    labels: labels.kind === "hard" ? { kind: "hard" } : { kind: "soft", space: labels.space },
    normalisation:
      normalisation.kind === "mean-std"
        ? { kind: "mean-std", mean: normalisation.mean, std: normalisation.std }
        : { kind: "zca" },
    augmentation,
    stepSize: stepSize ?? null,
    ...(factor === undefined ? {} : { factor }),
  };
  hash.update(JSON.stringify(header));
  addNumbers(hash, images);
  addNumbers(hash, labels.values);
  if (normalisation.kind === "zca") {
    addNumbers(hash, normalisation.mean);
    addNumbers(hash, normalisation.whiten);
    addNumbers(hash, normalisation.unwhiten);
  }
  return hash.digest("hex");
}

/** The length, then the numbers, 32 bits each, little-endian on every machine. */
function addNumbers(hash: Hash, values: Float32Array | Int32Array): void {
  hash.update(`\n${values.length}\n`);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  hash.update(littleEndian ? bytes : Buffer.from(bytes).swap32());
}
