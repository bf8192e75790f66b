import { createHash } from "node:crypto";
import type { ImageDataset, ImageShape } from "@limbeck/core";
import { DataError } from "@limbeck/core";
import { imageSize, type SplitName } from "./decoded-images.ts";

/** Identity of a data set and of its label columns, hexadecimal SHA-256. */
export interface DatasetDigests {
  readonly sha256: string;
  readonly labels: { readonly train: string; readonly test: string };
}

/**
 * Running SHA-256 over decoded pixels and labels. It depends on the images and labels alone, not on how they were
 * batched or stored: `sha256("limbeck-dataset-1", shape, and the four digests of train pixels, train labels
 * (int32, little-endian), test pixels, test labels)`.
 */
export class DatasetDigest {
  readonly #parts = {
    train: { pixels: createHash("sha256"), labels: createHash("sha256") },
    test: { pixels: createHash("sha256"), labels: createHash("sha256") },
  };

  addPixels(split: SplitName, pixels: Uint8Array): void {
    this.#parts[split].pixels.update(pixels);
  }

  addLabels(split: SplitName, labels: Int32Array): void {
    this.#parts[split].labels.update(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength));
  }

  /** Call once, at the end. */
  finish(shape: ImageShape): DatasetDigests {
    const { train, test } = this.#parts;
    const labels = { train: "", test: "" };
    const total = createHash("sha256").update(`limbeck-dataset-1\n${shape.join("x")}\n`);
    for (const [split, part] of [
      ["train", train],
      ["test", test],
    ] as const) {
      labels[split] = part.labels.digest("hex");
      total.update(`${part.pixels.digest("hex")}\n${labels[split]}\n`);
    }
    return { sha256: total.digest("hex"), labels };
  }
}

const VERIFY_BYTES = 8 << 20;

/** Recompute {@link ImageDataset.sha256} by reading every image once, a few megabytes at a time. */
export function datasetSha256(dataset: Pick<ImageDataset, "shape" | "train" | "test">): string {
  const digest = new DatasetDigest();
  const rows = Math.max(1, Math.floor(VERIFY_BYTES / imageSize(dataset.shape)));
  for (const split of ["train", "test"] as const) {
    const { size, labels } = dataset[split];
    for (let start = 0; start < size; start += rows) {
      const indices = Int32Array.from({ length: Math.min(rows, size - start) }, (_, i) => start + i);
      digest.addPixels(split, dataset[split].read(indices));
    }
    digest.addLabels(split, labels);
  }
  return digest.finish(dataset.shape).sha256;
}

/**
 * Full check on demand: read every image and compare with the recorded identity.
 * @throws {DataError} if they differ.
 */
export function verifyDataset(dataset: ImageDataset): void {
  const sha256 = datasetSha256(dataset);
  if (sha256 === dataset.sha256) return;
  throw new DataError(
    `${dataset.name}: wanted images and labels with SHA-256 ${dataset.sha256}, got ${sha256}; ` +
      `the cache is damaged: open the data set with rebuild: true`,
  );
}
