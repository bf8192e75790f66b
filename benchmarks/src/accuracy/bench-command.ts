import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  engineIdentity,
  resolveConfig,
  sortedJson,
  type Whitening,
  type DistillationMethod,
  type ImageDataset,
} from "@limbeck/core";
import { openDataset } from "@limbeck/datasets";
import { Command, Option } from "commander";
import { mergeConfig, parseOverrides, type RawConfig } from "../command-line/config-overrides.ts";
import { takeInterrupts } from "../command-line/interrupt.ts";
import { collect, seedList, stepList, wholeNumber } from "../command-line/option-parsers.ts";
import { startEngine, withEngineOptions, type EngineChoice } from "../command-line/engine-options.ts";
import { methodNamed, whitenedAs, whiteningOf } from "../method-named.ts";
import { protocolNamed } from "../protocol/protocols.ts";
import { appendRecord } from "../records/record-file.ts";
import { recordsTable } from "../records/records-table.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { benchmarkMethod } from "./benchmark-method.ts";
import { heldOutShare } from "./choose-set.ts";
import { evaluateCached, evaluateFullCached } from "./evaluate-cached.ts";
import { say, told } from "./progress-lines.ts";
import { randomSubset } from "./random-subset.ts";

interface BenchOptions extends EngineChoice {
  readonly method?: string;
  readonly dataset: string;
  readonly preset?: string;
  readonly zca?: Whitening | boolean;
  readonly ipc?: number;
  readonly iterations?: number;
  readonly set?: readonly string[];
  readonly seed: number;
  readonly evaluateAt?: readonly number[];
  readonly continueFrom?: string;
  readonly choose?: true;
  readonly seeds: readonly number[];
  readonly protocol: string;
  readonly network: string;
  readonly random?: number;
  readonly full?: true;
  readonly records: string;
  readonly runs: string;
}

/** `pnpm bench`: condense, evaluate, append to the records. Killed and started again it goes on. */
export function benchCommand(): Command {
  return withEngineOptions(new Command("bench"))
    .description("accuracy runs whose results go into the records")
    .requiredOption("--dataset <name>", "data set, by name or path")
    .option("--method <id>", "method to run; without one only the baselines")
    .option("--preset <name>", "preset of the method")
    .addOption(
      new Option(
        "--zca [what]",
        "whiten the images: pixels as they are, or standardised first (default: what the preset says)",
      ).choices(["pixels", "standardised"]),
    )
    .option("--no-zca", "do not whiten, whatever the preset says")
    .option("--ipc <n>", "images per class", wholeNumber(1))
    .option("--iterations <n>", "updates of the images", wholeNumber(1))
    .option("--set <key=value>", "another configuration key; may be repeated", collect)
    .option("--seed <n>", "seed of the distillation and of the random draw", wholeNumber(0), 0)
    .option("--continue-from <folder>", "begin where a shorter run of the same configuration ended")
    .option("--evaluate-at <steps>", "also evaluate after these steps, as in 100,300", stepList)
    .option(
      "--choose",
      "evaluate only the best of these and the last on the images that the run held out (--set validationShare=0.05)",
    )
    .option("--seeds <list>", "fresh networks, as in 0-4", seedList, [0, 1, 2])
    .option("--protocol <id>", "evaluation protocol", "dsa-v1")
    .option("--network <name>", "network trained on the sets", "convnet3")
    .option("--random <draws>", "also evaluate that many random subsets of the same size", wholeNumber(1))
    .option("--full", "also evaluate the whole training split under the same protocol")
    .option(
      "--records <file>",
      "records to append to",
      join(import.meta.dirname, "../../records/accuracy.jsonl"),
    )
    .option("--runs <folder>", "where the run folders are", "runs")
    .action(bench);
}

async function bench(options: BenchOptions): Promise<void> {
  const protocol = protocolNamed(options.protocol);
  const method = options.method === undefined ? undefined : methodNamed(options.method);
  const config = method === undefined ? { ipc: options.ipc } : benchConfig(method, options);
  if (options.choose === true) heldOutShare(config, 1 + (options.evaluateAt?.length ?? 0));
  await startEngine(options);
  const opened = await openDataset(options.dataset);
  const choice = { zca: options.zca, method, preset: options.preset };
  const dataset = await whitenedAs(opened, choice);
  const zca = whiteningOf(choice);
  const interrupt = takeInterrupts(() =>
    process.stderr.write("finishing this step; the same command goes on later\n"),
  );
  const { signal } = interrupt;
  const evaluation = { protocol, network: options.network, seeds: options.seeds, signal };
  const records: EvaluationRecord[] = [];

  if (method !== undefined) {
    const folder = join(
      options.runs,
      "bench",
      folderName(method, dataset, { config, seed: options.seed, ...(zca === undefined ? {} : { zca }) }),
    );
    process.stderr.write(`${folder}\n`);
    const result = await benchmarkMethod(method, dataset, {
      ...evaluation,
      config,
      seed: options.seed,
      folder,
      continueFrom: options.continueFrom,
      evaluateAt: options.evaluateAt ?? [],
      choose: options.choose === true,
      records: options.records,
      onDistill: (event) => {
        if (event.kind !== "step") return;
        say(
          `${method.id} ${event.step}/${event.steps} loss ${event.loss.toPrecision(4)}, ${event.seconds.toFixed(2)} s`,
        );
      },
      onEvaluate: (step, progress) => say(`set after step ${step}: ${told(progress)}`),
    });
    records.push(...result.records);
  }
  for (let draw = 0; draw < (options.random ?? 0); draw++) {
    const set = randomSubset(dataset, Number(config.ipc), options.seed + draw);
    const folder = join(options.runs, "baselines");
    const { record, cached } = await evaluateCached(set, dataset, folder, 0, {
      ...evaluation,
      onProgress: (progress) => say(`random draw ${draw}: ${told(progress)}`),
    });
    if (!cached) appendRecord(options.records, record);
    records.push(record);
  }
  if (options.full === true) {
    const { record, cached } = await evaluateFullCached(dataset, join(options.runs, "baselines"), {
      ...evaluation,
      onProgress: (progress) => say(`full data: ${told(progress)}`),
    });
    if (!cached) appendRecord(options.records, record);
    records.push(record);
  }
  interrupt.release();
  process.stdout.write(`${recordsTable(records)}\n`);
}

function benchConfig(
  method: DistillationMethod,
  options: BenchOptions,
): RawConfig & { readonly ipc: number } {
  const { preset, ipc, iterations } = options;
  const given = {
    ...(ipc === undefined ? {} : { ipc }),
    ...(iterations === undefined ? {} : { iterations }),
  };
  const config = mergeConfig(parseOverrides(options.set ?? []), given);
  return resolveConfig(method, { preset, config }) as RawConfig & { readonly ipc: number };
}

/** The same work finds its folder again; anything that changes the result leads to another. */
function folderName(
  method: DistillationMethod,
  dataset: ImageDataset,
  choice: { readonly config: RawConfig; readonly seed: number; readonly zca?: Whitening },
): string {
  const parts = sortedJson({ ...choice, data: dataset.sha256, ...engineIdentity() });
  const digits = createHash("sha256").update(parts).digest("hex").slice(0, 8);
  return `${dataset.name}-${method.id}-ipc${String(choice.config["ipc"])}-${digits}`;
}
