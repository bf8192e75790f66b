import { copyFileSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DataError, useBackend, type SyntheticSet } from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { importSet, type ImportOptions } from "./import-set.ts";
import { openTorchFile, TorchTensor } from "./torch-file.ts";
import { readPickle, type PickleValue } from "./torch-pickle.ts";

const fixtures = fileURLToPath(new URL("../../fixtures/torch", import.meta.url));
const dataset = toyDataset({ shape: [4, 5, 3] });
const temporary = temporaryFolder();
beforeAll(() => useBackend("cpu"));

/** What fixtures/torch/make.py calls `images(shift)`, channels last. */
function wanted(shift = 0): Float32Array {
  return Float32Array.from({ length: 360 }, (_, to) => {
    const [n, p, c] = [Math.floor(to / 60), Math.floor((to % 60) / 3), to % 3];
    const from = n * 60 + c * 20 + p;
    return (((37 * (from + shift)) % 101) - 50) / 32;
  });
}

function importFixture(name: string, options: ImportOptions = {}): Promise<SyntheticSet> {
  return importSet(join(fixtures, name), dataset, { normalisation: "dataset", ...options });
}

const HARD = { kind: "hard", values: Int32Array.of(0, 0, 1, 1, 2, 2) };

describe("importSet of PyTorch's files", () => {
  it.each(["mtt", "mtt/images_best.pt"])("images, labels and step size in three files: %s", async (path) => {
    const set = await importFixture(path);
    expect(set.images).toEqual(wanted());
    expect(set.labels).toEqual(HARD);
    expect(set.stepSize).toBe(0.03125);
  });

  it.each(["ncfm.pt", "legacy.pt"])("a list of images and labels: %s", async (path) => {
    const set = await importFixture(path);
    expect(set.images).toEqual(wanted());
    expect(set.labels).toEqual(HARD);
  });

  it("views with strides into a larger storage", async () => {
    expect((await importFixture("strided.pt")).images).toEqual(wanted());
  });

  it("one of several experiments", async () => {
    expect((await importFixture("res_DC.pt", { part: 1 })).images).toEqual(wanted(1));
    await expect(importFixture("res_DC.pt")).rejects.toThrow(
      /res_DC.pt: wanted one set, got those of 2 experiments; choose one with part$/,
    );
    await expect(importFixture("res_DC.pt", { part: 2 })).rejects.toThrow(/wanted part 2, got 2 parts$/);
  });

  it("a dictionary of halves, soft labels and a step size", async () => {
    const set = await importFixture("dictionary.pt");
    expect(set.images).toEqual(wanted());
    expect(set.labels).toMatchObject({ kind: "soft", space: "probabilities" });
    expect([...set.labels.values.subarray(9, 12)]).toEqual([0.125, 0.5, 0.375]);
    expect(set.stepSize).toBe(0.5);
  });

  it("NumPy scalars beside the tensors", async () => {
    const { value } = await openTorchFile(join(fixtures, "res_DC.pt"));
    const accuracies = (value as Map<string, Map<string, number[]>>).get("accs_all_exps")!;
    expect(accuracies.get("ConvNet")).toEqual([0.5, 0.25]);
  });

  it("names a global that is not allowed, and runs nothing", async () => {
    await expect(importFixture("hostile.pt")).rejects.toThrow(
      /hostile.pt: wanted tensors and plain containers, got a reference to "(posix|os).system", which could run code; it was not run/,
    );
    expect(existsSync(join(process.cwd(), "hostile-was-run"))).toBe(false);
  });

  it("never takes labels from the order of the images", async () => {
    const path = join(mkdtempSync(join(temporary, "pt-")), "images_best.pt");
    copyFileSync(join(fixtures, "mtt", "images_best.pt"), path);
    await expect(importSet(path, dataset)).rejects.toThrow(
      /wanted labels beside the images, such as .*labels_best.pt/,
    );
  });

  it("refuses other pickles, other values and missing data", async () => {
    const folder = mkdtempSync(join(temporary, "pt-"));
    const other = join(folder, "other.pt");
    writeFileSync(other, Buffer.from("\x80\x02K\x07.", "latin1"));
    await expect(importSet(other, dataset)).rejects.toThrow(/wanted a file of PyTorch, got another pickle$/);
    await expect(importFixture("mtt/labels_best.pt")).rejects.toThrow(DataError);
    const legacy = readFileSync(join(fixtures, "legacy.pt"));
    writeFileSync(other, legacy.subarray(0, legacy.length - 100));
    await expect(importSet(other, dataset)).rejects.toThrow(/other.pt: wanted .*; the file is damaged$/);
  });
});

/** `openTorchFile` of one tensor with these arguments of its rebuilding, over 8 floats. */
async function tensorOf(
  offset: number,
  shape: readonly number[],
  stride: readonly number[],
): Promise<Float32Array> {
  const tuple = (sizes: readonly number[]): string =>
    `(${sizes.map((size) => `J${String.fromCharCode(...new Uint8Array(Int32Array.of(size).buffer))}`).join("")}t`;
  const text = (value: string): string => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
  const long = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.";
  const system = `\x80\x02}${text("little_endian")}\x88s.`;
  const storage = `(${text("storage")}ctorch\nFloatStorage\n${text("0")}${text("cpu")}K\x08NtQ`;
  const object = `\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(${storage}K${String.fromCharCode(offset)}${tuple(shape)}${tuple(stride)}\x89NtR.`;
  const head = Buffer.from(`\x80\x02${long}${system}${object}\x80\x02](${text("0")}e.`, "latin1");
  const numbers = Buffer.from(Float32Array.from({ length: 8 }, (_, i) => i).buffer);
  const path = join(mkdtempSync(join(temporary, "pt-")), "one.pt");
  writeFileSync(path, Buffer.concat([head, Buffer.from(BigInt64Array.of(8n).buffer), numbers]));
  const file = await openTorchFile(path);
  expect(file.value).toBeInstanceOf(TorchTensor);
  return (await file.read(file.value as TorchTensor)).data as Float32Array;
}

describe("openTorchFile", () => {
  it("follows strides and offsets", async () => {
    expect([...(await tensorOf(0, [2, 4], [4, 1]))]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...(await tensorOf(0, [4, 2], [1, 4]))]).toEqual([0, 4, 1, 5, 2, 6, 3, 7]);
    expect([...(await tensorOf(1, [3], [2]))]).toEqual([1, 3, 5]);
    expect([...(await tensorOf(3, [], []))]).toEqual([3]);
    expect([...(await tensorOf(0, [0, 4], [4, 1]))]).toEqual([]);
  });

  it("refuses a tensor that leaves its storage, or is larger than it", async () => {
    for (const [offset, shape, stride] of [
      [1, [8], [1]],
      [0, [3, 3], [3, 1]],
      [0, [2], [8]],
      // An expanded view: 2³⁰ times the same numbers.
      [0, [2 ** 30, 8], [0, 1]],
    ] as const) {
      await expect(tensorOf(offset, shape, stride)).rejects.toThrow(
        /within its 8 numbers, got shape .*not to be trusted$/,
      );
    }
    await expect(tensorOf(0, [-1], [1])).rejects.toThrow(/a tensor without a storage, a shape and strides/);
  });
});

describe("readPickle", () => {
  const rules = { globals: {}, persistent: (): PickleValue => null };
  const read = (text: string): PickleValue => readPickle("x", Buffer.from(text, "latin1"), rules).value;

  it("reads containers and constants", () => {
    expect(read("\x80\x02(K\x01M\x00\x01J\xff\xff\xff\xff\x88\x89Nl.")).toEqual([
      1,
      256,
      -1,
      true,
      false,
      null,
    ]);
    expect(read("\x80\x02G\x3f\xf8\0\0\0\0\0\0.")).toBe(1.5);
    expect(read("\x80\x02\x8a\x01\xff.")).toBe(-1);
    expect(read("\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.")).toBeInstanceOf(Map);
    expect(read("\x80\x04\x8c\x02ab\x94h\x00\x86.")).toEqual(["ab", "ab"]);
  });

  it("refuses what it does not know, and stops at the end", () => {
    const fault = (text: string): string => {
      try {
        return JSON.stringify(read(text));
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        return (error as Error).message;
      }
    };
    expect([
      fault("\x80\x02cbuiltins\neval\n."),
      fault("\x80\x04\x8c\x02os\x8c\x06system\x93."),
      fault("\x80\x02(i__main__\nX\n."),
      fault("\x80\x02K"),
      fault("\x80\x02."),
      fault("\x80\x02K\x01K\x02R."),
      fault("\x80\x02K\x01K\x02b."),
      fault("\x80\x02h\x07."),
      fault("\x80\x02X\xff\xff\xff\x7fa."),
      fault("\x80\x02\x8b\xff\xff\xff\x7f."),
      fault("\x80\x02t."),
      fault("\x80\x00N."),
    ]).toMatchInlineSnapshot(`
      [
        "x: wanted tensors and plain containers, got a reference to "builtins.eval", which could run code; it was not run: save the tensors alone",
        "x: wanted tensors and plain containers, got a reference to "os.system", which could run code; it was not run: save the tensors alone",
        "x: wanted a readable pickle, got the instruction "i" at byte 3; the file is damaged or of another kind",
        "x: wanted a readable pickle, got 1 bytes wanted after the end; the file is damaged or of another kind",
        "x: wanted a readable pickle, got an empty stack; the file is damaged or of another kind",
        "x: wanted a readable pickle, got a call of no function; the file is damaged or of another kind",
        "x: wanted a readable pickle, got a state for a plain value; the file is damaged or of another kind",
        "x: wanted a readable pickle, got nothing remembered as 7; the file is damaged or of another kind",
        "x: wanted a readable pickle, got 2147483647 bytes wanted after the end; the file is damaged or of another kind",
        "x: wanted a readable pickle, got a whole number of 2147483647 bytes; the file is damaged or of another kind",
        "x: wanted a readable pickle, got no mark on the stack; the file is damaged or of another kind",
        "x: wanted a readable pickle, got protocol 0; the file is damaged or of another kind",
      ]
    `);
  });
});
