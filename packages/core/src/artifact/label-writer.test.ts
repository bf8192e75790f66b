import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { RunError } from "../errors.ts";
import { hashImages } from "../synthetic/hash-set.ts";
import { parseCodec } from "../synthetic/label-codec.ts";
import { memoryBytes, type ViewsHeader } from "../synthetic/view-labels.ts";
import { toySet } from "../testing/toy-set.ts";
import { encodeLabels, openLabels } from "./label-file.ts";
import { openLabelWriter } from "./label-writer.ts";
import { withStoredLabels } from "./with-stored-labels.ts";

const folder = mkdtempSync(join(tmpdir(), "label-writer-"));
const path = join(folder, "deep", "a.labels");
const unfinished = `${path}.unfinished`;
beforeEach(() => rmSync(join(folder, "deep"), { recursive: true, force: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const set = toySet();
const header: ViewsHeader = {
  images: hashImages(set),
  teacher: "a teacher",
  classes: 3,
  codec: parseCodec("int8"),
  views: { kind: "static", size: 6 },
};
/** Six records of seven bytes: a float32 scale and three scores. */
const RECORD = 7;
const records = Uint8Array.from({ length: 6 * RECORD }, (_, i) => i % 5);
const whole = Buffer.from(encodeLabels({ kind: "views", views: { header, records: memoryBytes(records) } }));

function write(from: number, to: number): number {
  const writer = openLabelWriter(path, header);
  for (let i = from; i < to; i++) {
    writer.write(i * RECORD, records.subarray(i * RECORD, (i + 1) * RECORD));
  }
  if (to === 6) writer.finish();
  writer.close();
  return writer.found;
}

test("a file that grows is the file that is written at once, and belongs to its images", () => {
  expect(write(0, 6)).toBe(0);
  expect(readFileSync(path)).toEqual(whole);
  expect(existsSync(unfinished)).toBe(false);
  const labelled = withStoredLabels(set, openLabels(path));
  expect(labelled.labels).toMatchObject({ kind: "views", views: { header } });
  expect(labelled.provenance.config).toMatchObject({ labels: { teacher: "a teacher", views: header.views } });
  expect(() => withStoredLabels(toySet({ seed: 9 }), openLabels(path))).toThrow("belong to images");
});

test("it goes on where a stopped one was; until then the old file stands", () => {
  write(0, 6);
  expect(write(0, 4)).toBe(0);
  expect(readFileSync(path)).toEqual(whole);
  // Torn within the fifth record.
  writeFileSync(unfinished, Buffer.concat([readFileSync(unfinished), Buffer.of(9, 9)]));
  rmSync(path);
  expect(write(4, 6)).toBe(4 * RECORD + 2);
  expect(readFileSync(path)).toEqual(whole);
});

test("killed while it was finished, or before its header was whole", () => {
  write(0, 5);
  // All records and the checksum are there, the name is not.
  writeFileSync(unfinished, whole);
  expect(write(6, 6)).toBe(6 * RECORD);
  expect(readFileSync(path)).toEqual(whole);
  writeFileSync(unfinished, whole.subarray(0, 30));
  expect(write(0, 6)).toBe(0);
  expect(readFileSync(path)).toEqual(whole);
});

test("what is missing, and labels of something else, are refused and stay", () => {
  write(0, 5);
  const writer = openLabelWriter(path, header);
  expect(() => writer.finish()).toThrow(
    new RunError(`${unfinished}: wanted 42 bytes of records, got 35; label the set again`),
  );
  writer.close();
  const before = readFileSync(unfinished);
  expect(() => openLabelWriter(path, { ...header, teacher: "b teacher" })).toThrow(
    `${unfinished}: holds unfinished labels of another set, teacher, form or seed; finish them by the command that began them, choose another path, or remove the file`,
  );
  expect(readFileSync(unfinished)).toEqual(before);
  writeFileSync(join(folder, "x"), "");
  expect(() => openLabelWriter(join(folder, "x", "y.labels"), header)).toThrow(RunError);
});
