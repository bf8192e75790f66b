import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as arrow from "apache-arrow";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { DataError, RunError } from "../errors.ts";
import { denormalise } from "../synthetic/set-tensors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { toySet, type ToySetOptions } from "../testing/toy-set.ts";
import { decodePng } from "./png.ts";
import { readSet } from "./read-set.ts";
import { sealBytes } from "./seal.ts";
import { writeSet } from "./write-set.ts";

let folder: string;
let path: string;
beforeAll(() => useBackend("cpu"));
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "limbeck-set-"));
  path = join(folder, "set.arrow");
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const VARIANTS: Record<string, ToySetOptions> = {
  "hard labels, RGB": {},
  "soft labels, a learned step size": { labels: "soft", stepSize: 0.1 + 0.2 },
  "ZCA, one image": { normalisation: "zca", ipc: 1, classes: ["only"] },
  "ZCA, ten images": { normalisation: "zca", ipc: 10, classes: ["only"] },
  "a factor": { factor: 2 },
  grey: { shape: [7, 3, 1] },
  "five channels": { shape: [3, 2, 5] },
};

describe("set.arrow", () => {
  it.each(Object.entries(VARIANTS))("gives back every bit: %s", async (_, options) => {
    const set = toySet(options);
    // Numbers that a detour over text or arithmetic might change: -0, the smallest, the largest.
    new Uint32Array(set.images.buffer).set([0x80000000, 1, 0x7f7fffff]);
    await writeSet(path, set);
    const back = readSet(path);
    expect(bits(back.images)).toEqual(bits(set.images));
    expect(back).toEqual(set);
    expect(fs.readdirSync(folder)).toEqual(["set.arrow"]);
  });

  it("says format 2 only where a factor must be understood", async () => {
    const formatOf = async (set: SyntheticSet): Promise<unknown> => {
      await writeSet(path, set);
      const { metadata } = arrow.tableFromIPC(fs.readFileSync(path)).schema;
      return (JSON.parse(metadata.get("limbeck")!) as { format: unknown }).format;
    };
    expect([await formatOf(toySet()), await formatOf(toySet({ factor: 2 }))]).toEqual([1, 2]);
  });

  it("has the same bytes for the same set", async () => {
    await writeSet(path, toySet());
    const first = fs.readFileSync(path);
    await writeSet(path, toySet());
    expect(fs.readFileSync(path).equals(first)).toBe(true);
  });

  it("can be read by any Arrow reader, and looked at", async () => {
    const set = toySet({ labels: "soft" });
    await writeSet(path, set);
    const table = arrow.tableFromIPC(fs.readFileSync(path));
    expect(table.numRows).toBe(6);
    expect(table.schema.fields.map(String)).toMatchInlineSnapshot(`
      [
        "image: FixedSizeList[60]<Float32>",
        "png: Binary",
        "label: FixedSizeList[3]<Float32>",
      ]
    `);
    expect(Object.fromEntries(table.schema.fields[0]!.metadata)).toMatchInlineSnapshot(`
      {
        "ARROW:extension:metadata": "{"shape":[4,5,3],"dim_names":["height","width","channel"]}",
        "ARROW:extension:name": "arrow.fixed_shape_tensor",
      }
    `);
    const third = Array.from(table.getChild("image")!.get(2) as arrow.Vector);
    expect(third).toEqual(Array.from(set.images.subarray(2 * 60, 3 * 60)));
    const picture = await decodePng(table.getChild("png")!.get(2) as Uint8Array);
    expect(picture).toEqual({
      width: 5,
      height: 4,
      channels: 3,
      pixels: denormalise(set).slice(2 * 60, 3 * 60),
    });
  });

  it("refuses a set whose arrays do not fit", async () => {
    const set = toySet();
    await expect(writeSet(path, { ...set, size: 5 })).rejects.toThrow(
      new DataError(`${path}: images must hold 5 × [4,5,3] = 300 numbers, got 360`),
    );
    const labels: SyntheticSet["labels"] = { kind: "soft", values: new Float32Array(6), space: "logits" };
    await expect(writeSet(path, { ...set, labels })).rejects.toThrow(
      new DataError(`${path}: soft labels must hold 6 × 3 = 18 numbers, got 6`),
    );
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("names a path that cannot be written", async () => {
    fs.writeFileSync(join(folder, "file"), "");
    await expect(writeSet(join(folder, "file", "set.arrow"), toySet())).rejects.toThrow(RunError);
  });
});

describe("a set.arrow that is not right", () => {
  /** Writes a good set, lets `change` spoil it, and returns the message. */
  async function messageAfter(change: (bytes: Buffer) => Uint8Array): Promise<string> {
    await writeSet(path, toySet());
    fs.writeFileSync(path, change(fs.readFileSync(path)));
    return messageOf(path);
  }
  function messageOf(file: string): string {
    try {
      readSet(file);
    } catch (error) {
      if (error instanceof DataError) return error.message.replaceAll(folder, "…");
      throw error;
    }
    throw new Error("the file was accepted");
  }
  /** The same table with other schema metadata, sealed again. */
  function withMetadata(bytes: Buffer, change: (metadata: Map<string, string>) => void): Uint8Array {
    const table = arrow.tableFromIPC(bytes);
    const metadata = new Map(table.schema.metadata);
    change(metadata);
    const schema = new arrow.Schema(table.schema.fields, metadata);
    const batches = table.batches.map((batch) => new arrow.RecordBatch(schema, batch.data));
    const changed = Buffer.from(arrow.tableToIPC(new arrow.Table(schema, batches), "file"));
    sealBytes(changed);
    return changed;
  }

  it("is missing", () => {
    expect(messageOf(path)).toMatch(/^…\/set.arrow: cannot be read: ENOENT/);
  });

  it("is truncated, wherever it is cut", async () => {
    expect(await messageAfter((bytes) => bytes.subarray(0, 1000))).toMatchInlineSnapshot(
      `"…/set.arrow: the file is truncated at 1000 bytes: the Arrow footer is missing; copy or distil it again"`,
    );
    await writeSet(path, toySet());
    const bytes = fs.readFileSync(path);
    for (let length = 0; length < bytes.length; length += 97) {
      fs.writeFileSync(path, bytes.subarray(0, length));
      expect(messageOf(path)).toContain("the file is truncated at ");
    }
  });

  it("is something else", async () => {
    expect(
      await messageAfter(() => Buffer.from("PAR1 something quite different PAR1")),
    ).toMatchInlineSnapshot(
      `"…/set.arrow: wanted a synthetic set (an Arrow IPC file), got something else; check the path"`,
    );
  });

  it("is Arrow, but not a synthetic set", async () => {
    const table = arrow.tableFromArrays({ a: Int32Array.of(1, 2) });
    expect(await messageAfter(() => arrow.tableToIPC(table, "file"))).toMatchInlineSnapshot(
      `"…/set.arrow: wanted a synthetic set, got an Arrow file without its seal; it was not written by Limbeck"`,
    );
  });

  it("is of a newer version", async () => {
    const newer = (metadata: Map<string, string>) =>
      metadata.set("limbeck", JSON.stringify({ format: 4, images: "elsewhere" }));
    expect(await messageAfter((bytes) => withMetadata(bytes, newer))).toMatchInlineSnapshot(
      `"…/set.arrow: the set has format 4, this version reads up to 3; update Limbeck"`,
    );
  });

  it("has a description that was changed", async () => {
    const reseeded = (bytes: Buffer) =>
      Buffer.from(bytes.toString("latin1").replaceAll('"seed":0', '"seed":1'), "latin1");
    expect(await messageAfter(reseeded)).toMatchInlineSnapshot(
      `"…/set.arrow: wrong checksum: the file was damaged or changed; copy or distil it again"`,
    );
    const short = (metadata: Map<string, string>) => metadata.set("limbeck", '{"format":1}');
    expect(await messageAfter((bytes) => withMetadata(bytes, short))).toMatchInlineSnapshot(
      `"…/set.arrow: the file is damaged: the metadata key "limbeck" does not describe a set; copy or distil it again"`,
    );
    const torn = (metadata: Map<string, string>) => metadata.set("limbeck", "{");
    expect(await messageAfter((bytes) => withMetadata(bytes, torn))).toMatchInlineSnapshot(
      `"…/set.arrow: the file is damaged: the metadata key "limbeck" is not JSON; copy or distil it again"`,
    );
  });

  it("has one bit flipped in an image, a label or a picture", async () => {
    const set = toySet();
    await writeSet(path, set);
    const bytes = fs.readFileSync(path);
    const positions = [
      bytes.indexOf(bits(set.images).subarray(0, 64)),
      bytes.indexOf(bits(set.labels.values)),
      bytes.indexOf("IDAT") + 10,
    ];
    for (const position of positions) {
      expect(position).toBeGreaterThan(10);
      const spoilt = Buffer.from(bytes);
      spoilt[position]! ^= 4;
      fs.writeFileSync(path, spoilt);
      expect(messageOf(path)).toContain("wrong checksum");
    }
  });

  it("has any one byte changed", async () => {
    await writeSet(path, toySet({ shape: [2, 2, 1], classes: ["a"] }));
    const bytes = fs.readFileSync(path);
    for (let position = 0; position < bytes.length; position += 5) {
      const spoilt = Buffer.from(bytes);
      spoilt[position]! ^= 0xff;
      fs.writeFileSync(path, spoilt);
      expect(() => readSet(path), `byte ${position}`).toThrow(DataError);
    }
  });
});

function bits(values: Float32Array | Int32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
