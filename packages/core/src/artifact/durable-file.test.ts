import * as fs from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RunError } from "../errors.ts";
import {
  createFolder,
  removeOrphans,
  removeParts,
  replaceFolder,
  storageError,
  writeFileBeside,
} from "./durable-file.ts";

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "limbeck-durable-"));
});
afterEach(() => fs.rmSync(root, { recursive: true }));

describe("writeFileBeside", () => {
  it("writes, replaces, makes missing folders and leaves nothing else", () => {
    const path = join(root, "a", "b", "file");
    writeFileBeside(path, "one");
    writeFileBeside(path, Uint8Array.of(50));
    expect(fs.readFileSync(path, "utf8")).toBe("2");
    expect(fs.readdirSync(join(root, "a", "b"))).toEqual(["file"]);
  });

  it("keeps the old file and leaves nothing beside it where the new one cannot be put", () => {
    const path = join(root, "taken");
    fs.mkdirSync(join(path, "inside"), { recursive: true });
    expect(() => writeFileBeside(path, "x")).toThrow(RunError);
    expect(fs.readdirSync(root)).toEqual(["taken"]);
    expect(fs.existsSync(join(path, "inside"))).toBe(true);
  });

  it("names a path that leads through a file", () => {
    fs.writeFileSync(join(root, "file"), "");
    expect(() => writeFileBeside(join(root, "file", "x"), "x")).toThrow(
      `${join(root, "file", "x")}: could not be written (EEXIST): a file stands where a folder is wanted; choose another folder`,
    );
  });
});

describe("storageError", () => {
  it("says what to do about a full disk and keeps the cause", () => {
    const cause = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    const error = storageError("runs/x/set.arrow", cause);
    expect(error).toBeInstanceOf(RunError);
    expect(error.cause).toBe(cause);
    expect(error.message).toMatchInlineSnapshot(
      `"runs/x/set.arrow: could not be written (ENOSPC): the disk is full; free some space and resume"`,
    );
  });
});

describe("createFolder", () => {
  it("gives the whole folder, or nothing where filling it fails", async () => {
    const path = join(root, "export");
    const fill = (text: string) => (folder: string) =>
      Promise.resolve(fs.writeFileSync(join(folder, "a"), text));
    await expect(createFolder(path, () => Promise.reject(new RunError("stop")))).rejects.toThrow("stop");
    expect(fs.readdirSync(root)).toEqual([]);
    await createFolder(path, fill("1"));
    await expect(createFolder(path, fill("2"))).rejects.toThrow(
      new RunError(`${path}: wanted a new or empty folder, it has content; choose another or remove it`),
    );
    expect(fs.readFileSync(join(path, "a"), "utf8")).toBe("1");
    expect(fs.readdirSync(root)).toEqual(["export"]);
  });
});

describe("replaceFolder", () => {
  it("replaces all files of the folder", () => {
    const path = join(root, "checkpoint");
    replaceFolder(path, { a: "1", b: "1" });
    replaceFolder(path, { a: "2" });
    expect(fs.readdirSync(path)).toEqual(["a"]);
    expect(fs.readFileSync(join(path, "a"), "utf8")).toBe("2");
    expect(fs.readdirSync(root)).toEqual(["checkpoint"]);
  });

  it("keeps the previous folder where the new one cannot be written", () => {
    const path = join(root, "checkpoint");
    replaceFolder(path, { a: "1" });
    expect(() => replaceFolder(path, { a: "2", "no/such": "2" })).toThrow(RunError);
    expect(fs.readFileSync(join(path, "a"), "utf8")).toBe("1");
    expect(fs.readdirSync(root)).toEqual(["checkpoint"]);
  });

  it("puts the previous folder back before it begins, where a process was killed between its renames", () => {
    const path = join(root, "checkpoint");
    replaceFolder(path, { a: "1" });
    fs.renameSync(path, `${path}.old`);
    expect(() => replaceFolder(path, { "no/such": "2" })).toThrow(RunError);
    expect(fs.readFileSync(join(path, "a"), "utf8")).toBe("1");
  });
});

it("removeOrphans removes what dead processes of this machine left of one file", () => {
  const kept = ["a", `a.${hostname()}-7.part`, "a.elsewhere-8.part", `ab.${hostname()}-8.part`];
  for (const name of [...kept, `a.${hostname()}-8.part`]) fs.writeFileSync(join(root, name), "x");
  removeOrphans(join(root, "a"), (pid) => pid === 8);
  expect(fs.readdirSync(root).sort()).toEqual(kept.sort());
});

it("removeParts removes what is half-written and nothing else", () => {
  fs.writeFileSync(join(root, "set.arrow.7.part"), "");
  fs.mkdirSync(join(root, "export.8.part"));
  fs.writeFileSync(join(root, "set.arrow"), "");
  removeParts(root);
  expect(fs.readdirSync(root)).toEqual(["set.arrow"]);
});
