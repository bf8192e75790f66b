import { readFileSync } from "node:fs";
import { methods } from "@limbeck/benchmarks";
import { ensureBackend, normalisationDigest, readSet, type ImageDataset } from "@limbeck/core";
import { anchors } from "./anchors.ts";
import { compareLabels } from "./compare-labels.ts";
import { compareRecords, type RecordPlace } from "./compare-records.ts";
import { evaluationRecords } from "./evaluation-records.ts";
import { findSources, shownPath, type Sources } from "./find-sources.ts";
import { finalPath } from "./kept-sets.ts";
import type {
  PackedImages,
  Problem,
  ReportData,
  ReportRun,
  ReportSet,
  TestImages,
  Training,
} from "./model.ts";
import { readOutcome, readRecordLines, type ReadableRecord } from "./read-records.ts";
import { readReportSet, type ReadSet } from "./read-report-set.ts";
import { reportMemory, setStamp, type ReportMemory } from "./report-memory.ts";
import { messageOf, readReportRun } from "./read-run.ts";
import { shownJson, shownText } from "./shown-text.ts";
import { sampleTestImages, whitenTestImages } from "./training-material.ts";

/** Sets that carry what training and the search for copies need; further ones show their images only. */
const MOST_RICH_SETS = 8;
const MOST_PROBLEMS = 200;

export interface ReportOptions {
  /** Default: from the paths. */
  readonly title?: string;
  /** ISO 8601, of now. */
  readonly made: string;
  /**
   * Opens the real data of a set by name, without downloading anything; undefined where they are not here. Without it the page has
   * no nearest real images and trains nothing.
   */
  readonly openDataset?: (name: string) => Promise<ImageDataset | undefined>;
  /** Real test images that the page carries. Default 1000. */
  readonly testImages?: number;
  /** What earlier calls read: a page that follows work gives the same to every call. Default: nothing is kept. */
  readonly memory?: ReportMemory;
  /** Leave out the images of sets. */
  readonly withoutImages?: boolean;
}

/**
 * Reads everything below the paths into what one page shows. What cannot be read is told on the page and stops nothing.
 *
 * @throws {DataError} if a path does not exist, or nothing is found below them.
 */
export async function collectReport(paths: readonly string[], options: ReportOptions): Promise<ReportData> {
  const sources = findSources(paths);
  const problems: Problem[] = [];
  const configs = numbered();
  const place = (config: unknown): number => configs.place(shownJson(config));
  const { records, names } = collectRecords(sources, place, problems);
  const runs = collectRuns(sources, place, problems);
  const { sets, testImages, whitenedTests } = options.withoutImages
    ? { sets: [], testImages: [], whitenedTests: [] }
    : await collectSets(sources, place, problems, options);
  const compared = compareRecords(records);
  const methodIds = new Set([...compared, ...runs, ...sets].map(({ method }) => method));
  const datasets = new Set(compared.map(({ dataset }) => dataset));
  return {
    format: 1,
    title: shownText(options.title ?? `Limbeck: ${paths.map(shownPath).join(", ")}`),
    made: options.made,
    version: packageVersion(),
    sources: names,
    configs: configs.values,
    records: compared,
    labelComparisons: compareLabels(evaluationRecords({ records: compared, configs: configs.values })),
    runs,
    sets,
    testImages,
    whitenedTests,
    anchors: anchors.filter(({ dataset }) => datasets.has(dataset)),
    citations: methods
      .filter(({ id }) => methodIds.has(id))
      .map(({ id, title, cite }) => ({ method: id, title, cite })),
    problems: problems.slice(0, MOST_PROBLEMS).map(({ path, message }) => ({
      path: shownText(shownPath(path)),
      message: shownText(message, 600),
    })),
  };
}

function collectRecords(sources: Sources, place: (config: unknown) => number, problems: Problem[]) {
  const names = numbered();
  const seen = new Set<string>();
  const records: (ReadableRecord & { place: RecordPlace })[] = [];
  const take = (path: string, found: ReadableRecord): void => {
    // The same record stands in a sweep's file, in its cell, and where it was appended to.
    const { date, set, network, protocol, seeds, accuracy } = found;
    const key = JSON.stringify([date, set, network, protocol, seeds, accuracy, found.method]);
    if (seen.has(key)) return;
    seen.add(key);
    const source = names.place(shownText(shownPath(path)));
    records.push({ ...found, place: { config: place(found.config), source } });
  };
  const read = (path: string, { records, problems: met }: ReturnType<typeof readOutcome>): void => {
    for (const record of records) take(path, record);
    problems.push(...met);
  };
  for (const path of sources.records) read(path, readRecordLines(path));
  for (const path of sources.outcomes) read(path, readOutcome(path));
  return { records, names: names.values };
}

function collectRuns(sources: Sources, place: (config: unknown) => number, problems: Problem[]): ReportRun[] {
  return sources.runs.flatMap((folder) => {
    try {
      return [readReportRun(folder, place)];
    } catch (error) {
      problems.push({ path: folder, message: messageOf(error) });
      return [];
    }
  });
}

async function collectSets(
  sources: Sources,
  place: (config: unknown) => number,
  problems: Problem[],
  { openDataset, testImages: count = 1000, memory = reportMemory() }: ReportOptions,
): Promise<Pick<ReportData, "sets" | "testImages" | "whitenedTests">> {
  const sets: ReportSet[] = [];
  const testImages: TestImages[] = [];
  const whitenedTests: PackedImages[] = [];
  const trainingIn = ({ training, normalisation, set }: ReadSet, dataset: ImageDataset): Training => {
    const test = remembered(memory.testImages, dataset.sha256, () => sampleTestImages(dataset, count));
    const placed = { ...training!, test: positionIn(testImages, test) };
    if (normalisation.kind !== "zca") return placed;
    const key = `${dataset.sha256} ${normalisationDigest(normalisation)}`;
    const whitened = remembered(memory.whitenedTests, key, () =>
      whitenTestImages(test, set.shape, normalisation),
    );
    return { ...placed, whitenedTest: positionIn(whitenedTests, whitened) };
  };
  for (const path of sources.sets) {
    try {
      const rich = sets.length < MOST_RICH_SETS;
      const { read, dataset } = await readOnce(path, rich, openDataset, memory);
      const { set, config, training } = read;
      problems.push(...read.problems);
      sets.push({
        ...set,
        config: place(config),
        ...(training === undefined || dataset === undefined ? {} : { training: trainingIn(read, dataset) }),
      });
    } catch (error) {
      problems.push({ path, message: messageOf(error) });
    }
  }
  return { sets, testImages, whitenedTests };
}

/** A set file, read anew where it changed. @param rich With what its real data give. */
async function readOnce(
  path: string,
  rich: boolean,
  openDataset: ReportOptions["openDataset"],
  memory: ReportMemory,
): Promise<{ read: ReadSet; dataset: ImageDataset | undefined }> {
  const stamp = `${rich} ${setStamp(path)}`;
  const id = finalPath(path);
  const known = memory.sets.get(id);
  if (known?.stamp === stamp) return known;
  const { provenance, normalisation } = readSet(path);
  const name = provenance.dataset;
  if (rich && openDataset !== undefined && !memory.datasets.has(name)) {
    memory.datasets.set(name, await openDataset(name));
  }
  const found = rich ? memory.datasets.get(name) : undefined;
  const dataset = found?.sha256 === provenance.datasetSha256 ? found : undefined;
  if (dataset !== undefined || normalisation.kind === "zca") await ensureBackend();
  const withoutData = !rich
    ? `The page carries what training needs for its first ${MOST_RICH_SETS} sets; a report of this one alone trains on it.`
    : found === undefined
      ? `The real data, ${name}, were not on the machine that made this page.`
      : "The real data on the machine that made this page are not those that the set was made from.";
  const fresh = {
    stamp,
    dataset,
    read: readReportSet(path, dataset === undefined ? { withoutData } : { dataset }),
  };
  memory.sets.set(id, fresh);
  return fresh;
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

/** Position of an object in a list, to whose end it goes if it is new. */
function positionIn<T>(list: T[], value: T): number {
  const position = list.indexOf(value);
  return position < 0 ? list.push(value) - 1 : position;
}

/** Texts, each once, by position. */
function numbered(): { place(text: string): number; readonly values: string[] } {
  const positions = new Map<string, number>();
  const values: string[] = [];
  return {
    values,
    place(text) {
      const known = positions.get(text);
      if (known !== undefined) return known;
      positions.set(text, values.length);
      return values.push(text) - 1;
    },
  };
}

function packageVersion(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
