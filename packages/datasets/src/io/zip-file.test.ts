import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { failureOf, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { openZip } from "./zip-file.ts";

const tmp = temporaryFolder();

function write(name: string, bytes: Uint8Array): string {
  writeFileSync(join(tmp, name), bytes);
  return join(tmp, name);
}

async function contentOf(path: string): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const { name, chunks } of await openZip(path)) {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks()) parts.push(chunk);
    content[name] = Buffer.concat(parts).toString();
  }
  return content;
}

/** Turn a zip of one entry into its zip64 form: sizes and offsets moved into 64-bit fields. */
function toZip64(zip: Uint8Array): Buffer {
  const bytes = Buffer.from(zip);
  const central = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  const end = bytes.indexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  const directory = Buffer.from(bytes.subarray(central, end));
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(BigInt(directory.readUInt32LE(24)), 4);
  extra.writeBigUInt64LE(BigInt(directory.readUInt32LE(20)), 12);
  extra.writeBigUInt64LE(BigInt(directory.readUInt32LE(42)), 20);
  for (const at of [20, 24, 42]) directory.writeUInt32LE(0xffffffff, at);
  directory.writeUInt16LE(28, 30);
  const entry = Buffer.concat([directory, extra]);
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(44n, 4);
  end64.writeBigUInt64LE(1n, 24);
  end64.writeBigUInt64LE(1n, 32);
  end64.writeBigUInt64LE(BigInt(entry.length), 40);
  end64.writeBigUInt64LE(BigInt(central), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(central + entry.length), 8);
  locator.writeUInt32LE(1, 16);
  const tail = Buffer.from(bytes.subarray(end));
  tail.writeUInt16LE(0xffff, 10);
  tail.writeUInt32LE(0xffffffff, 12);
  tail.writeUInt32LE(0xffffffff, 16);
  return Buffer.concat([bytes.subarray(0, central), entry, end64, locator, tail]);
}

describe("openZip", () => {
  const text = Buffer.from("limbeck ".repeat(1000));

  it("reads stored and deflated entries, and skips folders", async () => {
    const path = write(
      "a.zip",
      zipSync({ "x/a.txt": text, "x/b.txt": [text, { level: 0 }], "x/empty": new Uint8Array(0) }),
    );
    expect(await contentOf(path)).toEqual({
      "x/a.txt": text.toString(),
      "x/b.txt": text.toString(),
      "x/empty": "",
    });
  });

  it("reads zip64", async () => {
    expect(await contentOf(write("64.zip", toZip64(zipSync({ a: text }))))).toEqual({ a: text.toString() });
  });

  it("refuses names that leave the archive", async () => {
    for (const name of ["../up", "/absolute", "a/../../b", "C:/windows", "a\\b"]) {
      const failure = await failureOf(openZip(write("evil.zip", zipSync({ [name]: text }))), tmp);
      expect(failure).toBe(
        `DataError: TMP/evil.zip: wanted entries inside the archive's folder, got ${JSON.stringify(name)}; ` +
          `the archive is not to be trusted`,
      );
    }
  });

  it("stops a bomb at its declared size", async () => {
    const bytes = Buffer.from(zipSync({ bomb: new Uint8Array(5e6) }));
    const central = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    bytes.writeUInt32LE(1000, central + 24);
    expect(await failureOf(contentOf(write("bomb.zip", bytes)), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/bomb.zip: bomb: wanted 1000 bytes as declared, got more; the archive is not to be trusted"`,
    );
  });

  it("checks the CRC", async () => {
    const bytes = zipSync({ a: [text, { level: 0 }] });
    bytes[100]! ^= 1;
    expect(await failureOf(contentOf(write("crc.zip", bytes)), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/crc.zip: a: wanted 8000 bytes with CRC b70fb70a, got 8000 with a55a1529; the archive is truncated or corrupted: delete it and get it again"`,
    );
  });

  it("refuses encrypted entries and other methods", async () => {
    const bytes = Buffer.from(zipSync({ a: text }));
    const central = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    bytes.writeUInt16LE(14, central + 10);
    expect(await failureOf(openZip(write("lzma.zip", bytes)), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/lzma.zip: wanted stored or deflated entries, got a encrypted or by method 14"`,
    );
  });

  it("refuses a directory that is cut or lies", async () => {
    const bytes = Buffer.from(zipSync({ a: text }));
    bytes.writeUInt16LE(7, bytes.length - 22 + 10);
    expect(await failureOf(openZip(write("count.zip", bytes)), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/count.zip: wanted a complete zip archive, got "a directory that ends early"; it is truncated or corrupted: delete it and get it again"`,
    );
    expect(await failureOf(openZip(join(tmp, "none.zip")), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/none.zip: wanted a complete zip archive, got "no such file or folder"; it is truncated or corrupted: delete it and get it again"`,
    );
  });
});
