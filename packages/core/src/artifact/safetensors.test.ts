import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  readSafetensorsMetadata,
  type SafetensorsFile,
} from "./safetensors.ts";

const file: SafetensorsFile = {
  tensors: {
    images: { shape: [2, 3], data: Float32Array.of(0, -0, 1e-45, NaN, Infinity, -1.5) },
    labels: { shape: [2], data: BigInt64Array.of(-1n, 9_007_199_254_740_993n) },
    flags: { shape: [3], data: Uint8Array.of(1, 0, 255) },
    counts: { shape: [], data: Int32Array.of(-7) },
    exact: { shape: [1], data: Float64Array.of(0.1) },
    empty: { shape: [0, 4], data: new Float32Array() },
  },
  metadata: { method: "dm", note: 'ü " \\ 漢' },
};

describe("safetensors", () => {
  it("gives back every tensor bit for bit, and the metadata", () => {
    const back = decodeSafetensors(encodeSafetensors(file), "memory");
    expect(back.metadata).toEqual(file.metadata);
    expect(Object.keys(back.tensors).sort()).toEqual(Object.keys(file.tensors).sort());
    for (const [name, { shape, data }] of Object.entries(file.tensors)) {
      const got = back.tensors[name]!;
      expect(got.shape).toEqual(shape);
      expect(got.data.constructor).toBe(data.constructor);
      expect(Buffer.from(got.data.buffer)).toEqual(Buffer.from(data.buffer));
    }
  });

  it("gives the metadata alone from a file whose tensors it does not look at", () => {
    const folder = mkdtempSync(join(tmpdir(), "limbeck-safetensors-"));
    const path = join(folder, "a.safetensors");
    try {
      const bytes = encodeSafetensors(file);
      const header = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
      writeFileSync(path, bytes.subarray(0, header));
      expect(readSafetensorsMetadata(path)).toEqual(file.metadata);
      writeFileSync(path, bytes.subarray(0, header - 1));
      expect(() => readSafetensorsMetadata(path)).toThrow(
        `${path}: the header claims ${header - 8} bytes, the file has ${header - 9} after the length; the file is damaged or not safetensors`,
      );
      writeFileSync(path, bytes.subarray(0, 5));
      expect(() => readSafetensorsMetadata(path)).toThrow("wanted at least 8 bytes, got 5");
      writeFileSync(path, new Uint8Array(16).fill(255));
      expect(() => readSafetensorsMetadata(path)).toThrow("the header claims 18446744073709552000 bytes");
      expect(() => readSafetensorsMetadata(join(folder, "none"))).toThrow("none: cannot be read: ENOENT");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("lays the file out as the format says", () => {
    const bytes = encodeSafetensors({
      tensors: { a: { shape: [1], data: Float32Array.of(1) } },
      metadata: {},
    });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString())).toEqual({
      __metadata__: {},
      a: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
    });
    expect(Array.from(bytes.subarray(8 + length))).toEqual([0, 0, 0x80, 0x3f]);
    expect((8 + length) % 8).toBe(0);
  });

  it("refuses a file cut anywhere", () => {
    const bytes = encodeSafetensors(file);
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => decodeSafetensors(bytes.subarray(0, length), "cut")).toThrow(DataError);
    }
  });

  it("names what breaks the format", () => {
    const one = (entry: object, data = new Uint8Array(8)) => faultOf({ a: entry }, data);
    const f32 = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
    expect([
      faultOf("[1, 2]"),
      faultOf("{ no json"),
      faultOf({ __metadata__: { a: 1 } }, new Uint8Array()),
      one({ ...f32, dtype: "C64" }),
      one({ ...f32, dtype: "toString" }),
      one({ ...f32, shape: [-2] }),
      one({ ...f32, shape: [3] }),
      one({ ...f32, data_offsets: [8, 0] }),
      one({ ...f32, data_offsets: [0, 8, 16] }),
      one(f32, new Uint8Array(9)),
      faultOf({ a: f32, b: { ...f32, data_offsets: [4, 12] } }, new Uint8Array(12)),
      faultOf({ a: f32, b: { ...f32, data_offsets: [12, 20] } }, new Uint8Array(20)),
    ]).toMatchInlineSnapshot(`
      [
        "x: the header is not a JSON object",
        "x: the header is not JSON",
        "x: __metadata__ is not a map of strings",
        "x: tensor "a" has dtype "C64", wanted one of F64, I64, F32, F16, BF16, I32, BOOL, U8",
        "x: tensor "a" has dtype "toString", wanted one of F64, I64, F32, F16, BF16, I32, BOOL, U8",
        "x: tensor "a" has shape [-2]",
        "x: tensor "a" F32 [3] needs 12 bytes, its data_offsets span 8",
        "x: tensor "a" has data_offsets [8,0]",
        "x: tensor "a" has data_offsets [0,8,16]",
        "x: tensors cover 8 bytes, the file has 9",
        "x: tensor "b" begins at byte 4, wanted 8: it overlaps the one before it",
        "x: tensor "b" begins at byte 12, wanted 8: it leaves a gap before it",
      ]
    `);
  });

  it("refuses a header longer than the file, whatever its length claims", () => {
    const bytes = new Uint8Array(16).fill(0xff);
    expect(() => decodeSafetensors(bytes, "set.safetensors")).toThrowErrorMatchingInlineSnapshot(
      `[DataError: set.safetensors: the header claims 18446744073709552000 bytes, the file has 8 after the length; the file is damaged or not safetensors]`,
    );
  });

  it("names a file that is missing", () => {
    expect(() => readSafetensors("no-such.safetensors")).toThrow(
      /^no-such.safetensors: cannot be read: ENOENT/,
    );
  });
});

function faultOf(header: unknown, data = new Uint8Array(8)): string {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  try {
    decodeSafetensors(bytes, "x");
  } catch (error) {
    if (error instanceof DataError)
      return error.message.replace(/; the file is damaged or not safetensors$/, "");
    throw error;
  }
  throw new Error("the file was accepted");
}
