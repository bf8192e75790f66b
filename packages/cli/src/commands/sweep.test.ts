import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRecords } from "@limbeck/benchmarks";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createProgram } from "../program.ts";

let root: string;
let out: string;
let printed: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "limbeck-cli-sweep-"));
  out = join(root, "out");
  printed = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

async function sweep(text: string, ...flags: string[]): Promise<void> {
  const file = join(root, "sweep.yaml");
  writeFileSync(file, text);
  const args = ["sweep", file, "--out", out, "--quiet", "--threads", "1", ...flags];
  await createProgram().parseAsync(args, { from: "user" });
}

const SMALL = `
evaluate: { networks: convnet1-w8, protocols: dc-e1-v1, seeds: 0 }
grid: { methods: random, datasets: fashion-mnist, ipc: [1, 2] }
`;

test("a file that names what is not there, and a wrong shard, start nothing", async () => {
  await expect(sweep(SMALL.replace("random", "[dn, dm]").replace("dc-e1-v1", "dc"))).rejects.toThrow(
    /line 2: protocol: unknown "dc"; .*\n.*line 3: unknown method "dn"; known: /,
  );
  const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  await expect(sweep(SMALL, "--shard", "3/2")).rejects.toThrow('wanted a shard such as 2/3, got "3/2".');
  stderr.mockRestore();
  expect(existsSync(out)).toBe(false);
});

test("a dry run forecasts and writes nothing; shards end in the records of the whole", async () => {
  await sweep(SMALL, "--dry-run", "--json");
  expect(JSON.parse(printed)).toMatchObject({ cells: 4, finished: 0, bytes: { prepared: 0 } });
  expect(existsSync(out)).toBe(false);
  await sweep(SMALL, "--shard", "2/2");
  expect(readRecords(join(out, "records.jsonl")).map(({ ipc }) => ipc)).toEqual([2]);
  printed = "";
  await sweep(SMALL, "--json", "--records", join(root, "all.jsonl"));
  const { records, failed } = JSON.parse(printed) as { records: { ipc: number }[]; failed: unknown[] };
  expect({ ipc: records.map(({ ipc }) => ipc), failed }).toEqual({ ipc: [1, 2], failed: [] });
  expect(readRecords(join(root, "all.jsonl"))).toEqual(records);
  expect(readFileSync(join(out, "records.jsonl"), "utf8").trim().split("\n")).toHaveLength(2);
});
