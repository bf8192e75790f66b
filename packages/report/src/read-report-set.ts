import { statSync } from "node:fs";
import { hardLabels, hashSyntheticSet, readSet, type ImageDataset, type SyntheticSet } from "@limbeck/core";
import { shownPath } from "./find-sources.ts";
import { finalPath, isKeptSet, keptSets } from "./kept-sets.ts";
import type { Problem, ReportSet, Training } from "./model.ts";
import { nearestReal } from "./nearest-real.ts";
import { packImages, packPixels } from "./pack.ts";
import { messageOf } from "./read-run.ts";
import { distillCommand } from "./repeat-command.ts";
import { pixelsOf, shownPositions } from "./set-pictures.ts";
import { shownJson, shownText } from "./shown-text.ts";
import { trainingOf, untrainableLabels } from "./training-material.ts";

/** Earlier states of a set that the page carries, and the pixels of all of them together. */
const MOST_SNAPSHOTS = 12;
const SNAPSHOT_PIXELS = 4_000_000;

export interface SetOptions {
  /** The real data that the set was made from, where they can be had: gives nearest images and training. */
  readonly dataset?: ImageDataset;
  /** Why there is no such data; a sentence. */
  readonly withoutData?: string;
}

/** A set without what only the whole report knows: positions of its configuration and its test images. */
export interface ReadSet {
  readonly set: Omit<ReportSet, "config" | "training">;
  readonly normalisation: SyntheticSet["normalisation"];
  readonly config: unknown;
  readonly training?: Omit<Training, "test" | "whitenedTest">;
  readonly problems: readonly Problem[];
}

/**
 * A set file as the page carries it, with the earlier states in `sets/` beside it.
 *
 * @throws {DataError} if the file is no set or damaged.
 */
export function readReportSet(path: string, { dataset, withoutData }: SetOptions): ReadSet {
  const set = readSet(path);
  const problems: Problem[] = [];
  const forming = isKeptSet(path);
  const { size, shape, classes, labels, factor = 1, provenance } = set;
  const hard = hardLabels(set);
  const shown = shownPositions(hard, classes.length, shape);
  const pixels = pixelsOf(set, shown);
  const untrainable =
    (forming ? "Its run is still at work." : withoutData) ??
    (shown.length < size ? `The page carries ${shown.length} of its ${size} images only.` : undefined) ??
    untrainableLabels(set, shownPath(path));
  const training =
    dataset === undefined || untrainable !== undefined ? undefined : trainingOf(set, shown, dataset);
  const own = shown.map((position) => hard[position]!);
  const read: ReadSet["set"] = {
    hash: hashSyntheticSet(set),
    path: shownText(shownPath(path)),
    id: shownText(shownPath(finalPath(path))),
    forming,
    method: shownText(provenance.method),
    dataset: shownText(provenance.dataset),
    ipc: provenance.ipc,
    seed: provenance.seed,
    iterations: provenance.iterations,
    shape,
    classes: classes.map((name) => shownText(name)),
    labelKind: labels.kind,
    size,
    fileBytes: statSync(path).size,
    factor,
    shown,
    // Training wants what the file has; looking does not.
    images: packImages(pixels, shown.length, training === undefined ? 8 : 16),
    labels: own,
    ...(labels.kind !== "soft" ? {} : { soft: packImages(probabilities(set, shown), shown.length, 16) }),
    // While the images change the search would take more than it tells.
    ...(dataset === undefined || forming ? {} : { nearest: nearestOf(pixels, own, set, dataset) }),
    evolution: snapshots(path, set, shown, (problem) => problems.push(problem)),
    cite: shownText(provenance.cite, 2000),
    command: shownText(
      distillCommand({
        dataset: provenance.dataset,
        method: provenance.method,
        zca: set.normalisation.kind === "zca",
        seed: provenance.seed,
        config: provenance.config,
      }),
      4000,
    ),
    provenance: describe(set),
    ...(untrainable === undefined ? {} : { untrainable: shownText(untrainable, 1000) }),
  };
  return {
    set: read,
    normalisation: set.normalisation,
    config: provenance.config,
    problems,
    ...(training === undefined ? {} : { training }),
  };
}

function nearestOf(
  pixels: Float32Array,
  labels: readonly number[],
  set: SyntheticSet,
  { train }: ImageDataset,
) {
  const { positions, searched } = nearestReal(pixels, labels, set.classes.length, train);
  const found = positions.map((position) => Math.max(0, position));
  return { images: packPixels(train.read(found), found.length), positions, searched };
}

/** `[shown, K]`. */
function probabilities({ labels, classes }: SyntheticSet, shown: readonly number[]): Float32Array {
  const count = classes.length;
  const out = new Float32Array(shown.length * count);
  shown.forEach((position, row) => {
    const own = Float32Array.from(labels.values.subarray(position * count, (position + 1) * count));
    out.set(labels.kind === "soft" && labels.space === "logits" ? softmax(own) : own, row * count);
  });
  return out;
}

function softmax(logits: Float32Array): Float32Array {
  const largest = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

/** The states that a run kept on its way, evenly chosen, and the set itself; the same images of each. */
function snapshots(
  path: string,
  last: SyntheticSet,
  shown: readonly number[],
  onProblem: (problem: Problem) => void,
): ReportSet["evolution"] {
  const { iterations } = last.provenance;
  const kept = keptSets(path).filter(({ step }) => step < iterations);
  const pixels = shown.length * (last.images.length / last.size);
  const most = Math.min(MOST_SNAPSHOTS, Math.floor(SNAPSHOT_PIXELS / pixels)) - 1;
  if (most < 1) return [];
  const stride = Math.max(1, Math.ceil(kept.length / most));
  const earlier = kept.flatMap(({ step, path: file }, i) => {
    if ((kept.length - 1 - i) % stride !== 0) return [];
    try {
      const set = readSet(file);
      return set.size === last.size && set.images.length === last.images.length ? [{ step, set }] : [];
    } catch (error) {
      onProblem({ path: file, message: messageOf(error) });
      return [];
    }
  });
  if (earlier.length === 0 && !isKeptSet(path)) return [];
  return [...earlier, { step: iterations, set: last }].map(({ step, set }) => ({
    step,
    images: packImages(pixelsOf(set, shown), shown.length, 8),
  }));
}

function describe({
  provenance,
  normalisation,
  augmentation,
  stepSize,
}: SyntheticSet): Record<string, string> {
  const { datasetSha256, backend, precision, commit, machine } = provenance;
  const told = {
    normalisation: normalisation.kind,
    augmentation,
    ...(stepSize === undefined ? {} : { "learned step size": stepSize }),
    "data SHA-256": datasetSha256,
    "back end": `${backend}, precision ${precision}`,
    commit,
    machine,
  };
  return Object.fromEntries(
    Object.entries(told).map(([key, value]) => [
      key,
      shownText(typeof value === "string" ? value : shownJson(value)),
    ]),
  );
}
