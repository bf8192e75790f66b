import { resolve, sep } from "node:path";
import { describe, expect, it } from "vitest";
import { classFolderNames } from "./class-folder-names.ts";

const HOSTILE = [
  "..",
  ".",
  "",
  "/",
  "../../etc",
  "C:\\x",
  "a/b",
  "a\0b",
  "con",
  "COM1.txt",
  " x. ",
  "é",
  "漢字",
  "-rf",
];

describe("classFolderNames", () => {
  it("keeps ordinary names and makes the others safe", () => {
    expect(classFolderNames(["cat", "Ankle boot", "T-shirt/top"])).toEqual([
      "cat",
      "Ankle boot",
      "T-shirt_top",
    ]);
    expect(classFolderNames(HOSTILE)).toMatchInlineSnapshot(`
      [
        "class-0",
        "class-1",
        "class-2",
        "_",
        "_.._etc",
        "C_x",
        "a_b",
        "a_b-2",
        "_con",
        "_COM1.txt",
        "x",
        "é",
        "漢字",
        "-rf",
      ]
    `);
  });

  it("tells names apart that would be one folder, also on a disk that ignores case", () => {
    expect(classFolderNames(["a/b", "a:b", "A_b", "a_b-2", "e\u0301", "\u00e9"])).toEqual([
      "a_b",
      "a_b-2",
      "A_b-3",
      "a_b-2-2",
      "\u00e9",
      "\u00e9-2",
    ]);
  });

  it("gives one folder directly below the root, of a length every disk takes", () => {
    const folders = classFolderNames([...HOSTILE, "x".repeat(1000), "漢".repeat(1000), "😀".repeat(100)]);
    for (const folder of folders) {
      expect(resolve("/root", folder)).toBe(`/root${sep}${folder}`);
      expect(Buffer.byteLength(folder)).toBeLessThanOrEqual(124);
      expect(folder).toBe(folder.normalize("NFC"));
    }
    expect(new Set(folders).size).toBe(folders.length);
  });
});
