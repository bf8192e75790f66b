import { createHash, type Hash } from "node:crypto";
import type { SyntheticLabels, SyntheticSet } from "./synthetic-set.ts";
import { hashBytes } from "./view-labels.ts";

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
    labels: labelsHeader(labels),
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
  addWhitening(hash, normalisation);
  return hash.digest("hex");
}

/**
 * SHA-256 of a set's images as a network sees them, whatever their labels: images, factor, classes and normalisation, hexadecimal.
 * Labels of views and projectors name the set that they were made for by it.
 */
export function hashImages(
  set: Pick<SyntheticSet, "images" | "size" | "shape" | "classes" | "normalisation" | "factor">,
): string {
  const { images, size, shape, classes, normalisation, factor } = set;
  const hash = createHash("sha256");
  const constants =
    normalisation.kind === "mean-std" ? { mean: normalisation.mean, std: normalisation.std } : "zca";
  const header = { version: 1, size, shape, classes, factor: factor ?? 1, normalisation: constants };
  hash.update(JSON.stringify(header));
  addNumbers(hash, images);
  addWhitening(hash, normalisation);
  return hash.digest("hex");
}

function labelsHeader(labels: SyntheticLabels): Record<string, unknown> {
  switch (labels.kind) {
    case "hard":
      return { kind: "hard" };
    case "soft":
      return { kind: "soft", space: labels.space };
    case "views":
      return { kind: "views", header: labels.views.header, records: hashBytes(labels.views.records) };
    case "projector":
      return {
        kind: "projector",
        header: labels.projector.header,
        records: hashBytes(labels.projector.records),
      };
  }
}

function addWhitening(hash: Hash, normalisation: SyntheticSet["normalisation"]): void {
  if (normalisation.kind !== "zca") return;
  addNumbers(hash, normalisation.mean);
  addNumbers(hash, normalisation.whiten);
  addNumbers(hash, normalisation.unwhiten);
}

/** The length, then the numbers, 32 bits each, little-endian on every machine. */
function addNumbers(hash: Hash, values: Float32Array | Int32Array): void {
  hash.update(`\n${values.length}\n`);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  hash.update(littleEndian ? bytes : Buffer.from(bytes).swap32());
}
