import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readRecords } from "@limbeck/benchmarks";
import { hashSyntheticSet, readSet } from "@limbeck/core";
import { describe, expect, test } from "vitest";
import { limbeck, startLimbeck, temporaryFolder } from "./limbeck-process.ts";
import { writePictureFolder } from "./picture-folder.ts";

const TINY = ["--ipc", "2", "--iterations", "5", "--set", "network=convnet3-w16", "--set", "realBatch=8"];

describe("one's own pictures, from another folder", () => {
  test("distill, evaluate, export", async () => {
    const cwd = temporaryFolder();
    await writePictureFolder(join(cwd, "pictures"), 12);
    writeFileSync(
      join(cwd, "run.yaml"),
      "method: datadam\ndataset: pictures\nseed: 4\nconfig:\n  realBatch: 8\n",
    );
    const made = await limbeck(["distill", "--config", "run.yaml", ...TINY, "--out", "run", "--json"], {
      cwd,
    });
    expect(made.code, made.stderr).toBe(0);
    expect(made.stderr).toMatch(/datadam 5\/5 \| .* left \| loss \d/);
    const told = JSON.parse(made.stdout) as Record<string, unknown>;
    const path = join(cwd, "run", "set.arrow");
    const set = readSet(path);
    expect(told).toMatchObject({
      run: "run",
      set: "run/set.arrow",
      hash: hashSyntheticSet(set),
      ipc: 2,
      size: 4,
    });
    expect(set.provenance).toMatchObject({ method: "datadam", seed: 4, ipc: 2, iterations: 5 });
    expect(set.classes).toEqual(["left", "top"]);
    expect(readdirSync(join(cwd, "run")).sort()).toEqual([
      "checkpoint",
      "config.json",
      "events.jsonl",
      "preview.png",
      "set.arrow",
    ]);

    const score = [
      "evaluate",
      "run/set.arrow",
      "--dataset",
      "pictures",
      "--network",
      "convnet3-w16",
      "--seeds",
      "0,1",
    ];
    const scored = await limbeck([...score, "--protocol", "dsa-e40-v1", "--random", "--json"], { cwd });
    expect(scored.code, scored.stderr).toBe(0);
    const [record, random] = readRecords(join(cwd, "run", "records.jsonl"));
    expect(JSON.parse(scored.stdout)).toEqual({ ...record, random });
    expect(record).toMatchObject({
      method: "datadam",
      set: hashSyntheticSet(set),
      protocol: "dsa-e40-v1",
      seeds: [0, 1],
    });
    expect(random).toMatchObject({ method: "random", ipc: 2, bytes: record!.bytes });
    // Bright at the left against bright at the top: a network that learned at all tells them apart.
    expect(Math.min(...record!.accuracy)).toBeGreaterThan(80);

    for (const [format, out] of [
      ["parquet", "parquet/data/train-00000-of-00001.parquet"],
      ["imagefolder", "imagefolder/train/left/00001.png"],
      ["safetensors", "set.safetensors"],
      ["card", "README.md"],
    ] as const) {
      const exported = await limbeck(["export", "run/set.arrow", "--format", format], { cwd });
      expect(exported.code, exported.stderr).toBe(0);
      expect(statSync(join(cwd, "run", out)).size).toBeGreaterThan(100);
    }
    const from = ["import", "run/set.safetensors", "--dataset", "pictures"];
    const back = await limbeck([...from, "-o", "back/set.arrow", "--json"], { cwd });
    expect(back.code, back.stderr).toBe(0);
    expect(JSON.parse(back.stdout)).toMatchObject({ hash: hashSyntheticSet(set), size: 4, labels: "hard" });
  });
});

test("--dry-run forecasts and touches nothing", async () => {
  const cwd = temporaryFolder();
  const forecast = await limbeck(
    ["distill", "fashion-mnist", "--method", "dm", ...TINY, "--dry-run", "--json"],
    { cwd },
  );
  expect(forecast.code, forecast.stderr).toBe(0);
  const told = JSON.parse(forecast.stdout) as Record<string, number>;
  expect(told).toMatchObject({ method: "dm", steps: 5, setBytes: 20 * (28 * 28 * 4 + 4) });
  expect(told["seconds"]).toBeGreaterThan(0);
  expect(told["peakBytes"]).toBeGreaterThan(0);
  expect(readdirSync(cwd)).toEqual([]);
});

test("Ctrl-C writes a checkpoint, says how to go on and exits with 130; --resume finishes", async () => {
  const cwd = temporaryFolder();
  const args = ["distill", "fashion-mnist", "--method", "dm", ...TINY, "--iterations", "400", "--out", "run"];
  const { child, finished, sees } = startLimbeck(args, { cwd });
  await sees(/dm [1-9]\d*\/400/);
  child.kill("SIGINT");
  const stopped = await finished;
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toContain("interrupted; the same command with --resume goes on: run folder run");
  expect(existsSync(join(cwd, "run", "set.arrow"))).toBe(false);
  const resumed = await limbeck([...args, "--resume", "--quiet"], { cwd });
  expect(resumed.stderr).toBe("");
  expect(resumed.code).toBe(0);
  expect(existsSync(join(cwd, "run", "set.arrow"))).toBe(true);
});

test.each(["doctor", "datasets", "methods", "methods datadam"])(
  "%s --json is one JSON line",
  async (command) => {
    const told = await limbeck([...command.split(" "), "--json"]);
    expect(told.code, told.stderr).toBe(0);
    expect(told.stdout.trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(told.stdout)).toBeTypeOf("object");
  },
);

test("--help and --version exit with 0", async () => {
  const help = await limbeck(["--help"]);
  expect(help.code).toBe(0);
  for (const command of [
    "distill",
    "evaluate",
    "perf",
    "doctor",
    "datasets",
    "methods",
    "export",
    "import",
  ]) {
    expect(help.stdout).toContain(command);
  }
  expect((await limbeck(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
