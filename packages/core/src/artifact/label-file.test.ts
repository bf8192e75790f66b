import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { normal } from "../random/draw.ts";
import { keyFromSeed } from "../random/key.ts";
import { hashImages, hashSyntheticSet } from "../synthetic/hash-set.ts";
import { centreScores, encodeLabelRecords, labelBytes, parseCodec } from "../synthetic/label-codec.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { memoryBytes, type ViewsHeader } from "../synthetic/view-labels.ts";
import { toySet } from "../testing/toy-set.ts";
import { encodedLabelBytes, openLabels, writeLabels, type StoredLabels } from "./label-file.ts";
import { readSet } from "./read-set.ts";
import { setBytes } from "./set-bytes.ts";
import { writeSet } from "./write-set.ts";

const folder = mkdtempSync(join(tmpdir(), "labels-"));
const file = join(folder, "a.labels");
beforeAll(async () => {
  await useBackend("cpu");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plain = toySet();
const plan = { size: 6, batchSize: 4, epochs: 3, seed: 1, augmentation: "crop-flip" } as const;

/** Five of six view batches, the odd ones of two images: 16 labels. */
function labelled(codec: string): Extract<SyntheticSet["labels"], { kind: "views" }> {
  const header: ViewsHeader = {
    images: hashImages(plain),
    teacher: "a teacher",
    classes: 3,
    codec: parseCodec(codec),
    views: { kind: "augmented", plan, stored: { count: 5, draw: "batches" } },
  };
  const scores = centreScores(normal(keyFromSeed(2), 16 * 3), 3);
  const records = memoryBytes(encodeLabelRecords(header.codec, scores, 3));
  const values = Int32Array.of(0, 0, 1, 1, 2, 2);
  return { kind: "views", values, views: { header, records } };
}
const withLabels = (labels: SyntheticSet["labels"]): SyntheticSet => ({ ...plain, labels });

test.each(["float32", "float16", "int8", "int4", "top2", "top1-minimum", "top2-even"])(
  "%s: bytes are counted as the file has them, header and records",
  async (codec) => {
    const labels = labelled(codec);
    writeLabels(file, labels);
    const { size } = statSync(file);
    expect(encodedLabelBytes(labels)).toBe(size);
    const header = readFileSync(file).readUInt32LE(12);
    expect(size).toBe(16 + header + 16 * labelBytes(parseCodec(codec), 3));
    // One byte more for the class of each image.
    const bytes = await setBytes(withLabels(labels));
    expect(bytes.labels).toBe(size + 6);
    expect(bytes.total).toBe(plain.images.length * 4 + size + 6);
  },
);

test("a set with labels of views comes back with every bit; its file grows by the labels", async () => {
  const set = withLabels(labelled("float16"));
  const path = join(folder, "set.arrow");
  await writeSet(join(folder, "hard.arrow"), plain);
  await writeSet(path, set);
  const back = readSet(path);
  expect(hashSyntheticSet(back)).toBe(hashSyntheticSet(set));
  expect(back.labels.kind).toBe("views");
  const grown = statSync(path).size - statSync(join(folder, "hard.arrow")).size;
  // The column's own description in the Arrow file.
  expect(Math.abs(grown - encodedLabelBytes(labelled("float16")))).toBeLessThan(600);
});

test("a projector's block comes back too", async () => {
  const header = {
    images: hashImages(plain),
    teacher: "t",
    classes: 3,
    model: { kind: "teacher", deep: [1, 2] },
  };
  const projector = { header, records: memoryBytes(Uint8Array.of(1, 2, 3)) };
  const set = withLabels({ kind: "projector", values: Int32Array.of(0, 0, 1, 1, 2, 2), projector });
  const path = join(folder, "projector.arrow");
  await writeSet(path, set);
  const { labels } = readSet(path);
  expect(labels).toMatchObject({ kind: "projector", projector: { header } });
  expect(hashSyntheticSet(readSet(path))).toBe(hashSyntheticSet(set));
});

test("any batch of an open file is one read at its place", () => {
  const labels = labelled("int8");
  writeLabels(file, labels);
  const opened = openLabels(file);
  if (opened.kind !== "views") throw new Error(opened.kind);
  expect(opened.views.header).toEqual(labels.views.header);
  const size = labelBytes(parseCodec("int8"), 3);
  expect(opened.views.records.read(10 * size, 2 * size)).toEqual(
    labels.views.records.read(10 * size, 2 * size),
  );
});

test("labels of another image set are refused by hash", async () => {
  const labels = labelled("float16");
  const other: SyntheticSet = { ...toySet({ seed: 9 }), labels };
  const hash = (set: SyntheticSet) => hashImages(set).slice(0, 12);
  await expect(writeSet(join(folder, "other.arrow"), other)).rejects.toThrow(
    `the views labels belong to images ${hash(plain)}, the set has ${hash(other)}; use the labels that were made for this set, or label it again`,
  );
  // The same pictures under other class names are another set too.
  const renamed = { ...plain, classes: ["dog", "cat", "fish"], labels };
  await expect(writeSet(join(folder, "other.arrow"), renamed)).rejects.toThrow("belong to images");
});

test("truncated, damaged, newer and foreign files are refused", () => {
  writeLabels(file, labelled("float16"));
  const whole = readFileSync(file);
  const opened = (bytes: Uint8Array): StoredLabels => {
    writeFileSync(file, bytes);
    return openLabels(file);
  };
  expect(() => opened(whole.subarray(0, -6))).toThrow(
    `${file}: the records are truncated: wanted 96 bytes, got 90; label the set again`,
  );
  expect(() => opened(Buffer.concat([whole, Buffer.alloc(6)]))).toThrow(
    "the records are too long: wanted 96",
  );
  const changed = Buffer.from(whole);
  changed[whole.length - 1]! ^= 1;
  expect(() => opened(changed)).toThrow("wrong checksum: the records were damaged or changed");
  const newer = Buffer.from(whole);
  newer.writeUInt32LE(2, 8);
  expect(() => opened(newer)).toThrow(
    "the labels have version 2, this version reads up to 1; update Limbeck",
  );
  expect(() => opened(whole.subarray(0, 40))).toThrow("the header claims");
  expect(() => opened(Buffer.from("ARROW1 and something else"))).toThrow(
    "wanted a label file, got something",
  );
  expect(() => opened(whole.subarray(0, 9))).toThrow("wanted a label file, got 9 bytes");
  const header = Buffer.from(whole);
  header.write("?", 17);
  expect(() => opened(header)).toThrow("the header does not describe labels; the file is damaged");
});
