import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  exportImageFolder,
  exportNpz,
  exportParquet,
  exportSafetensors,
  foldIn,
  integers,
  keyFromSeed,
  LimbeckError,
  useBackend,
} from "@limbeck/core";
import { toyDataset, toySet } from "@limbeck/core/testing";
import { zipSync } from "fflate";
import { beforeAll, describe, expect, it } from "vitest";
import { filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { importSet, type ImportOptions } from "./import-set.ts";

const FLIPS = 60;
/** Far above what reading these files of a few kilobytes takes on a busy machine. */
const MOST_SECONDS = 5;
/** Far above what they take, far below what a claimed size may be. */
const MOST_BYTES = 256e6;

const torch = fileURLToPath(new URL("../../fixtures/torch", import.meta.url));
const dataset = toyDataset({ shape: [4, 5, 3] });
const options: ImportOptions = { normalisation: "dataset", labelSpace: "probabilities" };
const folder = temporaryFolder();
const files: Record<string, string> = {};

beforeAll(async () => {
  await useBackend("cpu");
  const set = toySet({ classes: dataset.classes, shape: dataset.shape, labels: "soft" });
  const at = (name: string): string => (files[name] = join(folder, name));
  exportSafetensors(set, at("own.safetensors"));
  exportNpz(set, at("own.npz"));
  await exportParquet(set, join(folder, "hub"));
  files["train.parquet"] = join(folder, "hub", "data", "train-00000-of-00001.parquet");
  await exportImageFolder(set, join(folder, "pictures"));
  const pictures = filesBelow(join(folder, "pictures")).map((path): [string, Uint8Array] => {
    return [path.slice(join(folder, "pictures").length + 1), readFileSync(path)];
  });
  writeFileSync(at("pictures.zip"), zipSync(Object.fromEntries(pictures), { level: 6 }));
  for (const name of readdirSync(torch).filter((entry) => entry.endsWith(".pt")))
    files[name] = join(torch, name);
});

describe("importSet of damaged files", () => {
  it.each([
    "own.safetensors",
    "own.npz",
    "train.parquet",
    "pictures.zip",
    "dictionary.pt",
    "legacy.pt",
    "ncfm.pt",
    "res_DC.pt",
    "strided.pt",
  ])("never fails in another way than by its own errors: %s", async (name) => {
    const bytes = readFileSync(files[name]!);
    const path = join(folder, "damaged", basename(name));
    mkdirSync(dirname(path), { recursive: true });
    const key = foldIn(keyFromSeed(7), name);
    const before = process.memoryUsage().rss;
    for (let round = 0; round < FLIPS; round++) {
      const damaged = Buffer.from(bytes);
      const own = foldIn(key, round);
      // Most of what decides lies at the two ends of a file.
      const near = round % 3 === 0 ? bytes.length : Math.min(600, bytes.length);
      for (const at of integers(foldIn(own, "at"), 1 + (round % 4), 0, near)) {
        const from = round % 3 === 1 ? bytes.length - 1 - at : at;
        damaged[from] = integers(foldIn(foldIn(own, "to"), at), 1, 0, 256)[0]!;
      }
      writeFileSync(path, round % 10 === 9 ? damaged.subarray(0, damaged.length >> 1) : damaged);
      const started = performance.now();
      await importSet(path, dataset, options).catch((error: unknown) => {
        if (!(error instanceof LimbeckError)) throw new Error(`round ${round}`, { cause: error });
      });
      expect(performance.now() - started).toBeLessThan(MOST_SECONDS * 1000);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(MOST_BYTES);
  });
});
