import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mapFile } from "./map-file.ts";

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "limbeck-map-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("mapFile", () => {
  it("shows the file's bytes until closed; writing does not reach the file", () => {
    const path = join(folder, "bytes.bin");
    const content = Uint8Array.from({ length: 10_001 }, (_, i) => i * 7);
    writeFileSync(path, content);
    const file = mapFile(path);
    expect(file.bytes).toEqual(content);
    file.bytes[3] = 99;
    expect(new Uint8Array(readFileSync(path))).toEqual(content);
    const view = file.bytes.subarray(5, 10);
    file.close();
    file.close();
    expect([file.bytes.length, view.length]).toEqual([0, 0]);
  });

  it("names what it cannot map", () => {
    const missing = join(folder, "missing.bin");
    expect(() => mapFile(missing)).toThrow(
      `mapFile: a readable file of at least one byte is wanted, ${missing} cannot be opened: No such file or directory`,
    );
    const empty = join(folder, "empty.bin");
    writeFileSync(empty, "");
    expect(() => mapFile(empty)).toThrow(`${empty} is empty`);
    expect(() => mapFile(folder)).toThrow(`${folder} is not a regular file`);
    expect(() => mapFile(undefined as unknown as string)).toThrow(
      "mapFile: `path`: a string is wanted, got undefined",
    );
  });
});
