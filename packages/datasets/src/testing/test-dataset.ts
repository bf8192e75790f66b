import assert from "node:assert/strict";
import type { ImageDataset, ImageSplit } from "@limbeck/core";
import { datasetSha256 } from "../cache/dataset-digest.ts";

/** A data set under test and what is published or known about it. */
export interface DatasetSubject {
  /** Opens it afresh; a second call must meet the cache of the first. */
  open(): Promise<ImageDataset>;
  /** Damages what is cached on disk, if the set has a cache; opening must then rebuild it. */
  damageCache?(): void;
  readonly shape: readonly [number, number, number];
  /** Images of each class in the two splits, or one number where every class has as many. */
  readonly counts: { readonly train: number | readonly number[]; readonly test: number | readonly number[] };
  readonly classes: number;
}

/** Registers one test, as `it` of vitest does. */
export type TestRegistrar = (name: string, body: () => Promise<void>) => void;

/**
 * The checks that every data set passes. Call inside a `describe`, with the runner's `it`.
 */
export function testDataset(subject: DatasetSubject, it: TestRegistrar): void {
  it("has the stated shape, classes and counts", async () => {
    const dataset = await subject.open();
    assert.deepEqual([...dataset.shape], [...subject.shape]);
    assert.equal(dataset.classes.length, subject.classes);
    assert.equal(new Set(dataset.classes).size, subject.classes, "class names are distinct");
    for (const split of ["train", "test"] as const) {
      const { labels, size } = dataset[split];
      assert.equal(labels.length, size);
      const counts = dataset.classes.map(() => 0);
      for (const label of labels) {
        assert.ok(label >= 0 && label < subject.classes, `label ${label} in range`);
        counts[label]! += 1;
      }
      const expected = subject.counts[split];
      assert.deepEqual(counts, typeof expected === "number" ? counts.map(() => expected) : [...expected]);
    }
  });

  it("states normalisation for each channel, and its source", async () => {
    const { normalisation, source, shape } = await subject.open();
    assert.equal(normalisation.kind, "mean-std");
    if (normalisation.kind !== "mean-std") return;
    assert.equal(normalisation.mean.length, shape[2]);
    assert.equal(normalisation.std.length, shape[2]);
    assert.ok(normalisation.mean.every((value) => value >= 0 && value <= 1));
    assert.ok(normalisation.std.every((value) => value > 0 && value <= 1));
    assert.ok(source.licence !== "" && source.origin !== "");
  });

  it("reads by position what it reads in sequence, in the order asked for, repeats included", async () => {
    const dataset = await subject.open();
    for (const split of [dataset.train, dataset.test]) {
      const all = readInSequence(split);
      const values = all.length / split.size;
      const last = split.size - 1;
      const middle = last >> 1;
      const indices = [last, 0, middle, middle, 0, Math.min(1, last), Math.min(2, last), last];
      const pixels = split.read(indices);
      assert.equal(pixels.length, indices.length * values);
      for (const [position, index] of indices.entries()) {
        const got = pixels.subarray(position * values, (position + 1) * values);
        const wanted = all.subarray(index * values, (index + 1) * values);
        assert.ok(Buffer.from(got).equals(Buffer.from(wanted)), `image ${index} at position ${position}`);
      }
      assert.equal(split.read([]).length, 0);
      assert.ok(Buffer.from(split.read(new Int32Array([last]))).equals(Buffer.from(split.read([last]))));
    }
  });

  it("hands out copies: writing into them changes nothing", async () => {
    const { train } = await subject.open();
    const before = train.read([0]);
    train.read([0]).fill(before[0]! ^ 255);
    assert.deepEqual(train.read([0]), before);
  });

  it("refuses indices outside the split", async () => {
    const { train, test } = await subject.open();
    for (const split of [train, test]) {
      for (const index of [-1, split.size, 0.5, Number.NaN]) {
        assert.throws(() => split.read([0, index]), RangeError);
      }
    }
  });

  it("has the SHA-256 of its images and labels, the same when opened again", async () => {
    const first = await subject.open();
    const second = await subject.open();
    assert.equal(datasetSha256(first), first.sha256);
    assert.equal(second.sha256, first.sha256);
    assert.deepEqual(second.classes, first.classes);
    assert.deepEqual(second.normalisation, first.normalisation);
    assert.deepEqual(second.test.labels, first.test.labels);
    assert.equal(datasetSha256(second), first.sha256);
  });

  const { damageCache } = subject;
  if (damageCache === undefined) return;
  it("rebuilds a damaged cache", async () => {
    const { sha256 } = await subject.open();
    damageCache();
    const rebuilt = await subject.open();
    assert.equal(rebuilt.sha256, sha256);
    assert.equal(datasetSha256(rebuilt), sha256);
  });
}

function readInSequence(split: ImageSplit): Uint8Array {
  return split.read(Int32Array.from({ length: split.size }, (_, i) => i));
}
