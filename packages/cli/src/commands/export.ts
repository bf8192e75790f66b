import { dirname, join } from "node:path";
import {
  dataCard,
  exportMetrics,
  exportImageFolder,
  exportNpz,
  exportParquet,
  exportSafetensors,
  exportTensorboard,
  readSet,
  setPathOf,
  writeFileBeside,
  type CardOptions,
  type RunMetric,
  type SyntheticSet,
} from "@limbeck/core";
import { datasets } from "@limbeck/datasets";
import { Option, type Command } from "commander";
import { withOutputOptions } from "../common-options.ts";
import { createOutput, type OutputOptions } from "../output.ts";
import { accuracyBeside, resultsBeside } from "../results-beside.ts";

/** How a set can leave: what is written where when `--out` is not given, beside `set.arrow`. */
const formats = {
  parquet: { path: "parquet", write: exportParquet },
  imagefolder: { path: "imagefolder", write: exportImageFolder },
  safetensors: { path: "set.safetensors", write: async (set, path) => exportSafetensors(set, path) },
  npz: { path: "set.npz", write: async (set, path) => exportNpz(set, path) },
  card: {
    path: "README.md",
    write: async (set, path, options) => writeFileBeside(path, await dataCard(set, options)),
  },
} as const satisfies Record<string, ExportFormat>;

interface ExportFormat {
  readonly path: string;
  readonly write: (set: SyntheticSet, path: string, options: CardOptions) => Promise<void>;
}

/** How the run of a set can leave: what is written where when `--out` is not given, in the run folder. */
const runFormats = {
  tensorboard: { path: "tensorboard", write: exportTensorboard },
  metrics: {
    path: "metrics.jsonl",
    write: (folder, path, further) => {
      exportMetrics(folder, path, further);
      return path;
    },
  },
} as const satisfies Record<string, RunFormat>;

interface RunFormat {
  readonly path: string;
  /** @returns The file. */
  readonly write: (folder: string, path: string, further: readonly RunMetric[]) => string;
}

interface ExportFlags extends OutputOptions {
  readonly format: keyof typeof formats | keyof typeof runFormats;
  readonly out?: string;
}

/** `limbeck export <set.arrow> --format …`. */
export function registerExport(program: Command): void {
  withOutputOptions(
    program
      .command("export")
      .description(
        "write a set as Parquet, a folder of pictures, safetensors, NPZ or a data card; or its run for TensorBoard, or as metrics in JSON lines",
      )
      .argument("<set>", "path of a set.arrow, or a run's folder (tensorboard and metrics tell of the run)")
      .addOption(
        new Option("--format <name>", "what to write")
          .choices([...Object.keys(formats), ...Object.keys(runFormats)])
          .makeOptionMandatory(),
      )
      .option("--out <path>", "folder or file to write (default: beside the set)"),
  ).action(async (given: string, { format, out, ...flags }: ExportFlags) => {
    const output = createOutput(flags);
    const path = setPathOf(given);
    if (format === "tensorboard" || format === "metrics") {
      const folder = dirname(path);
      const target = out ?? join(folder, runFormats[format].path);
      const file = runFormats[format].write(folder, target, accuracyBeside(folder));
      output.result({ format, path: file }, file);
      return;
    }
    const set = readSet(path);
    const target = out ?? join(dirname(path), formats[format].path);
    await formats[format].write(set, target, {
      results: resultsBeside(path, set),
      ...sourceOf(set.provenance.dataset),
    });
    output.result({ format, path: target }, target);
  });
}

/** Licence and citation of the source data, where it is known by name. */
function sourceOf(dataset: string): CardOptions {
  const source = datasets.find(({ id }) => id === dataset)?.source;
  return source === undefined ? {} : { licence: source.licence, sourceCitation: source.citation };
}
