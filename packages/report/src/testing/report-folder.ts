import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomSubset } from "@limbeck/benchmarks";
import {
  hardLabels,
  hashImages,
  hashSyntheticSet,
  keptSetPath,
  memoryBytes,
  useBackend,
  whitenedDataset,
  writeSet,
  type ViewsHeader,
  type ImageDataset,
  type SyntheticSet,
} from "@limbeck/core";
import { toyDataset, toySet } from "@limbeck/core/testing";
import { collectReport, type ReportOptions } from "../report-data.ts";

/** Names that try to break out of a page or out of the reading direction. */
export const HOSTILE = '</script><script>window.broken=1</script><img src=x onerror="window.broken=1">';
export const RIGHT_TO_LEFT = "\u202Egnp.exe\u2066../../etc/passwd";

/** A folder of results that the operating system forgets. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "limbeck-report-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A record that fits the newest schema. */
export function recordLine(changes: Readonly<Record<string, unknown>> = {}): string {
  const record = {
    method: "dm",
    dataset: "toy",
    ipc: 2,
    seed: 0,
    network: "convnet3",
    protocol: "dsa-v1",
    seeds: [0, 1, 2],
    accuracy: [50, 51, 52],
    config: { ipc: 2, iterations: 10, nested: { rate: 0.5 } },
    set: "ab12",
    seconds: { distill: 10, evaluate: 3 },
    bytes: { images: 480, labels: 6, decoder: 0 },
    backend: "native",
    precision: "highest",
    commit: "0123456789abcdef",
    machine: "2 cores",
    date: "2026-01-02T03:04:05.000Z",
    ...changes,
  };
  return `${JSON.stringify(record)}\n`;
}

/** Records of a set with soft labels, of random images and of the full data under the neutral protocols: all that scores need. */
export function neutralRecords(): string {
  const accuracies: readonly (readonly [method: string, part: string, accuracy: readonly number[]])[] = [
    ["dm", "", [60, 62]],
    ["dm", "-hard", [50, 48]],
    ["dm", "-soft", [58, 60]],
    ["dm", "-plain", [40, 44]],
    ["random", "", [31, 31]],
    ["random", "-hard", [31, 33]],
    ["random", "-soft", [45, 47]],
    ["random", "-soft-plain", [35, 37]],
    ["full", "-hard", [84, 86]],
  ];
  return accuracies
    .map(([method, part, accuracy]) =>
      recordLine({
        method,
        protocol: `neutral${part}-v1`,
        seeds: [0, 1],
        accuracy,
        ...(method === "dm" ? { labels: "soft" } : { labels: "hard", config: {} }),
        ...(method === "full" ? { ipc: 5000 } : {}),
      }),
    )
    .join("");
}

/** The configuration of a run. */
function runConfig(changes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    format: 1,
    method: "dm",
    dataset: { name: "toy", sha256: "00" },
    config: { ipc: 2, iterations: 10 },
    seed: 0,
    steps: 10,
    backend: "native",
    precision: "highest",
    threads: 1,
    arithmetic: "float32",
    device: "cpu",
    isa: "avx2",
    machine: "2 cores",
    commit: "0123",
    versions: { limbeck: "0.1.0", node: "20", tfjs: "4", backend: "1" },
    ...changes,
  });
}

/** Writes a run folder with `steps` finished steps of 10; its last line may be torn. */
export function writeRun(
  folder: string,
  steps: number,
  { torn = false, ...changes }: { torn?: boolean } & Readonly<Record<string, unknown>> = {},
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), runConfig(changes));
  for (let step = 1; step <= steps; step++) {
    const event = {
      time: "2026-01-02T03:04:05.000Z",
      kind: "step",
      step,
      steps: 10,
      loss: 1 / step,
      terms: { mean: 2 / step },
      seconds: 0.5,
      bytes: 1000 + step,
    };
    appendFileSync(join(folder, "events.jsonl"), `${JSON.stringify(event)}\n`);
  }
  if (torn) appendFileSync(join(folder, "events.jsonl"), '{"kind":"step","st');
}

/** The real data of {@link toyRealSet}: 3 classes of 8×8 grey images. */
export function toyReal(): ImageDataset {
  return toyDataset({ shape: [8, 8, 1], perClass: 12, seed: 1 });
}

/** A set that says that it was made from {@link toyReal}. */
export function toyRealSet(ipc = 2, labels: "hard" | "soft" = "hard"): SyntheticSet {
  const real = toyReal();
  const set = toySet({ shape: [8, 8, 1], ipc, classes: real.classes, labels, normalisation: "mean-std" });
  const provenance = { ...set.provenance, dataset: real.name, datasetSha256: real.sha256, ipc };
  return { ...set, normalisation: real.normalisation, provenance };
}

/** Real images under the whitening of their own training split. */
export async function whitenedSet(real: ImageDataset): Promise<SyntheticSet> {
  await useBackend("auto", { threads: 1 });
  return { ...randomSubset(await whitenedDataset(real), 2, 0), augmentation: "auto" };
}

/** The toy set with a teacher's scores of its images, whose likeliest class is not the image's own. */
export function scoredSet(): Promise<SyntheticSet> {
  const set = toyRealSet();
  const classes = set.classes.length;
  const values = hardLabels(set);
  const scores = Float32Array.from({ length: set.size * classes }, (_, i) =>
    i % classes === (values[Math.floor(i / classes)]! + 1) % classes ? 2 : -1,
  );
  const header: ViewsHeader = {
    images: hashImages(set),
    teacher: "toy",
    classes,
    codec: { kind: "float32" },
    views: { kind: "static", size: set.size },
  };
  const records = memoryBytes(new Uint8Array(scores.buffer));
  return Promise.resolve({ ...set, labels: { kind: "views", values, views: { header, records } } });
}

/** Writes the toy set as its run kept it after a step: the later, the brighter. */
export async function keepState(run: string, step: number): Promise<void> {
  await useBackend("auto", { threads: 1 });
  const set = toyRealSet();
  await writeSet(keptSetPath(run, step), {
    ...set,
    images: set.images.map((value) => value * 0.1 * step),
    provenance: { ...set.provenance, iterations: step },
  });
}

/** A folder with a bit of everything: a set with earlier states, its record, two runs, and names that attack. */
export async function writeEverything(folder: string): Promise<void> {
  await useBackend("auto", { threads: 1 });
  const run = join(folder, "run");
  writeRun(run, 10);
  const set = toyRealSet();
  await writeSet(join(run, "set.arrow"), set);
  mkdirSync(join(run, "sets"));
  const half = { ...set, images: set.images.map((value) => value / 2) };
  await writeSet(join(run, "sets", "step-000002.arrow"), half);
  const hash = hashSyntheticSet(set);
  writeFileSync(
    join(run, "records.jsonl"),
    recordLine({ set: hash }) + recordLine({ set: hash, network: "resnet18" }),
  );
  writeRun(join(folder, "half"), 4, { torn: true, seed: 1 });
  const attacks = [HOSTILE, RIGHT_TO_LEFT, "../../../etc/passwd", "x".repeat(100_000)];
  writeFileSync(
    join(folder, "attacks.jsonl"),
    attacks
      .map((text) => recordLine({ method: text, machine: text, accuracy: [40, 41, 43], config: { text } }))
      .join(""),
  );
}

/** Collects a report of the folder, with {@link toyReal} as its real data. */
export function collectToy(
  folder: string,
  options: Partial<ReportOptions> = {},
): ReturnType<typeof collectReport> {
  return collectReport([folder], {
    made: "2026-01-02T03:04:05.000Z",
    title: "Toy report",
    openDataset: (name) => Promise.resolve(name === toyReal().name ? toyReal() : undefined),
    testImages: 12,
    ...options,
  });
}
