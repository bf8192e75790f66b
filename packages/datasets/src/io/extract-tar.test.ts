import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Header } from "tar-stream";
import { describe, expect, it } from "vitest";
import { tarBytes } from "../../fixtures/tar-bytes.ts";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { extractTar } from "./extract-tar.ts";

const tmp = temporaryFolder();
const limits = { bytes: 1e6, entries: 10 };
const content = Buffer.from("content");
const target = join(tmp, "deep", "target");

async function write(
  name: string,
  entries: readonly { header: Partial<Header> & { name: string }; content?: Uint8Array }[],
): Promise<string> {
  const path = join(tmp, name);
  writeFileSync(path, await tarBytes(entries));
  return path;
}

describe("extractTar", () => {
  it("unpacks files and folders", async () => {
    const archive = await write("good.tar.gz", [
      { header: { name: "set/", type: "directory" } },
      { header: { name: "set/a.bin" }, content },
      { header: { name: "./set/sub/b.bin" }, content: Buffer.alloc(100_000, 7) },
      { header: { name: "set/empty" }, content: new Uint8Array(0) },
    ]);
    await extractTar(archive, join(tmp, "good"), limits);
    expect(readFileSync(join(tmp, "good/set/a.bin"), "utf8")).toBe("content");
    expect(readFileSync(join(tmp, "good/set/sub/b.bin")).equals(Buffer.alloc(100_000, 7))).toBe(true);
    expect(filesBelow(join(tmp, "good"))).toHaveLength(3);
  });

  const hostile = {
    "a parent folder": { name: "../escaped", type: "file" },
    "a parent further in": { name: "set/../../escaped", type: "file" },
    "an absolute path": { name: join(tmp, "escaped"), type: "file" },
    "a backslash": { name: "set\\..\\escaped", type: "file" },
    "a symbolic link": { name: "set/link", type: "symlink", linkname: "/etc" },
    "a hard link": { name: "set/link", type: "link", linkname: "../escaped" },
    "a device": { name: "set/device", type: "character-device" },
  } as const;

  for (const [what, header] of Object.entries(hostile)) {
    it(`refuses ${what} and leaves nothing`, async () => {
      const plain = header.type === "file" ? { header, content } : { header };
      const archive = await write("evil.tar.gz", [{ header: { name: "set/first" }, content }, plain]);
      const failure = await failureOf(extractTar(archive, target, limits), tmp);
      expect(failure).toMatch(/^DataError: TMP\/evil\.tar\.gz: wanted .*; the archive is not to be trusted$/);
      expect(filesBelow(join(tmp, "deep"))).toEqual([]);
      expect(filesBelow(tmp).filter((path) => path.includes("escaped"))).toEqual([]);
    });
  }

  it("refuses more than the limits", async () => {
    const entries = [{ header: { name: "big" }, content: Buffer.alloc(2000) }];
    const archive = await write("big.tar.gz", entries);
    expect(
      await failureOf(extractTar(archive, target, { bytes: 1999, entries: 1 }), tmp),
    ).toMatchInlineSnapshot(
      `"DataError: TMP/big.tar.gz: wanted at most 1 entries of 1999 bytes together, got more; the archive is not the expected one"`,
    );
    expect(filesBelow(target)).toEqual([]);
  });

  it("refuses truncated, corrupted and other files", async () => {
    const bytes = readFileSync(
      await write("good2.tar.gz", [{ header: { name: "a" }, content: Buffer.alloc(5000, 3) }]),
    );
    writeFileSync(join(tmp, "cut.tar.gz"), bytes.subarray(0, bytes.length - 9));
    expect(await failureOf(extractTar(join(tmp, "cut.tar.gz"), target, limits), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/cut.tar.gz: wanted a readable tar archive, got "unexpected end of file"; it is truncated or corrupted: delete it and get it again"`,
    );
    writeFileSync(join(tmp, "junk.tar.gz"), Buffer.alloc(2000, 65));
    expect(await failureOf(extractTar(join(tmp, "junk.tar.gz"), target, limits), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/junk.tar.gz: wanted a readable tar archive, got "Invalid tar header. Maybe the tar is corrupted or it needs to be gunzipped?"; it is truncated or corrupted: delete it and get it again"`,
    );
    expect(await failureOf(extractTar(join(tmp, "none.tar.gz"), target, limits), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/none.tar.gz: wanted a readable tar archive, got "no such file or folder"; it is truncated or corrupted: delete it and get it again"`,
    );
    expect(filesBelow(target)).toEqual([]);
  });

  it("does not touch a folder that is there", async () => {
    const archive = join(tmp, "good.tar.gz");
    const failure = await failureOf(extractTar(archive, join(tmp, "good"), limits), tmp);
    expect(failure).toMatch(/^RunError: TMP\/good: wanted to unpack TMP\/good\.tar\.gz there, got "EEXIST/);
    expect(filesBelow(join(tmp, "good"))).toHaveLength(3);
  });
});
