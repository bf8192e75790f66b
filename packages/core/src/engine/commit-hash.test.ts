import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commitHash } from "./commit-hash.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "limbeck-commit-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function git(...args: string[]): string {
  const identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
  return execFileSync("git", ["-C", folder, ...identity, ...args], { encoding: "utf8" }).trim();
}

test("outside a repository, and where the folder does not exist: unknown", () => {
  expect(commitHash(folder)).toBe("unknown");
  expect(commitHash(join(folder, "missing"))).toBe("unknown");
});

test("the commit, marked where tracked files differ; records and new files do not count", () => {
  git("init", "-q");
  expect(commitHash(folder)).toBe("unknown");
  writeFileSync(join(folder, "a.txt"), "1");
  mkdirSync(join(folder, "records"));
  writeFileSync(join(folder, "records", "r.jsonl"), "{}\n");
  git("add", ".");
  git("commit", "-q", "-m", "first");
  const commit = git("rev-parse", "HEAD");
  expect(commitHash(folder)).toBe(commit);

  writeFileSync(join(folder, "records", "r.jsonl"), "{}\n{}\n");
  writeFileSync(join(folder, "new.txt"), "1");
  expect(commitHash(folder)).toBe(commit);
  expect(commitHash(join(folder, "records"))).toBe(commit);

  writeFileSync(join(folder, "a.txt"), "2");
  expect(commitHash(join(folder, "records"))).toBe(`${commit}-dirty`);
});
