import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataError } from "@limbeck/core";
import { npyBytes } from "../../fixtures/npz-bytes.ts";
import { ByteReader } from "../io/byte-reader.ts";
import { npyNumbers, readNpyHeader } from "./npy-header.ts";

function reader(bytes: Uint8Array): ByteReader {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    // Small chunks, so that every boundary falls somewhere.
    for (let i = 0; i < bytes.length; i += 7) yield await Promise.resolve(bytes.subarray(i, i + 7));
  }
  return new ByteReader("array.npy", chunks());
}

describe("readNpyHeader", () => {
  it("reads any shape of up to 8 dimensions", async () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const count = shape.reduce((product, size) => product * size, 1);
        const bytes = npyBytes("<i2", shape, new Uint8Array(2 * count));
        const header = await readNpyHeader(reader(bytes), bytes.length);
        expect(header).toEqual({ type: "<i2", shape, bytes: 2 * count });
      }),
    );
  });

  it("meets any bytes with a DataError, never another failure", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (junk, magic) => {
        const start = Buffer.from("\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'shape': (", "latin1");
        const bytes = magic ? Buffer.concat([start, junk]) : junk;
        await expect(readNpyHeader(reader(bytes), bytes.length)).rejects.toThrow(DataError);
      }),
    );
  });

  it("refuses a header of 4 GB before reading it", async () => {
    const bytes = Buffer.from("\x93NUMPY\x02\x00\xff\xff\xff\xff", "latin1");
    await expect(readNpyHeader(reader(bytes), bytes.length)).rejects.toThrow(
      "array.npy: wanted a header of at most 10000 bytes, got 4294967295",
    );
  });
});

describe("npyNumbers", () => {
  it("reads little-endian integers of every width", () => {
    expect([...npyNumbers("<i8", new Uint8Array(BigInt64Array.of(-3n, 2n ** 40n).buffer))]).toEqual([
      -3,
      2 ** 40,
    ]);
    expect([...npyNumbers("<u2", Uint8Array.of(1, 2, 255, 255))]).toEqual([513, 65535]);
    expect([...npyNumbers("<i4", Uint8Array.of(254, 255, 255, 255))]).toEqual([-2]);
    expect([...npyNumbers("|i1", Uint8Array.of(254, 3))]).toEqual([-2, 3]);
  });
});
