import {
  createCellRunner,
  folderCellStore,
  forecastSweep,
  methods,
  planCells,
  planSweep,
  readSweepFile,
  recordsTable,
  runSweep,
  shardOf,
  sweepPaths,
  takeInterrupts,
  wholeNumber,
  type Catalogue,
  type SweepForecast,
  type SweepPlan,
} from "@limbeck/benchmarks";
import { engineInfo } from "@limbeck/core";
import { InvalidArgumentError, type Command } from "commander";
import { existsSync } from "node:fs";
import { startEngine, withEngineOptions, withOutputOptions, type CommonFlags } from "../common-options.ts";
import { openForCommand } from "../open-for-command.ts";
import { createOutput, type Output } from "../output.ts";
import { createSweepProgress } from "../sweep-progress.ts";
import { formatBytes, formatSeconds } from "../units.ts";

interface Shard {
  readonly index: number;
  readonly count: number;
}

interface SweepFlags extends CommonFlags {
  readonly out: string;
  readonly records?: string;
  readonly jobs: number;
  readonly shard?: Shard;
  readonly retryFailed?: true;
  readonly dryRun?: true;
}

/** `limbeck sweep <file>`: many distillations and evaluations, each computed once. */
export function registerSweep(program: Command): void {
  const command = program
    .command("sweep")
    .description("run a file of methods, data sets, IPC, seeds, networks and protocols")
    .argument("<file>", "YAML or JSON, or a TypeScript module that exports `sweep`")
    .option(
      "--out <folder>",
      "where finished and unfinished work is kept, for any number of sweeps",
      "runs/sweep",
    )
    .option("--records <file>", "append the records to this file too")
    .option("--jobs <n>", "distillations at a time", wholeNumber(1), 1)
    .option("--shard <i/n>", "only every n-th, from the i-th: for n machines", shard)
    .option("--retry-failed", "try again what failed in an earlier call")
    .option("--dry-run", "check everything, forecast hours and bytes; start nothing");
  withOutputOptions(withEngineOptions(command)).action(sweep);
}

async function sweep(path: string, flags: SweepFlags): Promise<void> {
  const output = createOutput(flags);
  const read = await readSweepFile(path);
  await startEngine({ ...defined(read.file.engine ?? {}), ...defined(flags) }, output);
  const download = flags.dryRun !== true;
  const catalogue: Catalogue = {
    methods,
    openDataset: (name) => openForCommand(name, output, { download }),
  };
  const { backend, precision, threads } = engineInfo();
  const whole = await planSweep(read, catalogue, { backend, precision, threads });
  const plan = flags.shard === undefined ? whole : shardOf(whole, flags.shard.index, flags.shard.count);
  if (flags.dryRun === true) {
    const finished = existsSync(flags.out)
      ? await folderCellStore(sweepPaths(flags.out).store).finished()
      : new Set<string>();
    const forecast = await forecastSweep(plan, catalogue, finished);
    output.result({ name: plan.name, ...forecast }, forecastText(plan, forecast));
    return;
  }
  await run(plan, catalogue, flags, output);
}

async function run(plan: SweepPlan, catalogue: Catalogue, flags: SweepFlags, output: Output): Promise<void> {
  const interrupt = takeInterrupts(() =>
    output.note("\nfinishing this step; the same command goes on later; once more to stop at once"),
  );
  const progress = createSweepProgress(output, planCells(plan).length);
  try {
    const { records, failed } = await runSweep(plan, {
      folder: flags.out,
      runner: (places) => createCellRunner({ catalogue, ...places }),
      jobs: flags.jobs,
      retryFailed: flags.retryFailed === true,
      ...(flags.records === undefined ? {} : { records: flags.records }),
      signal: interrupt.signal,
      onEvent: (event) => progress.tell(event),
    });
    progress.stop();
    const failures = failed.map(({ title, message }) => ({ title, message }));
    const told = failures.map(({ title, message }) => `failed: ${title}: ${message}`);
    output.result(
      { name: plan.name, records, failed: failures },
      [recordsTable(records), ...told].join("\n"),
    );
    if (failed.length > 0) process.exitCode = 1;
  } finally {
    progress.stop();
    interrupt.release();
  }
}

function forecastText(plan: SweepPlan, { cells, finished, seconds, bytes }: SweepForecast): string {
  const { prepare, distill, evaluate } = seconds;
  return [
    `${plan.name}: ${cells} cells in ${plan.groups.length} groups, ${finished} finished`,
    `time    about ${formatSeconds(prepare + distill + evaluate)}: ${formatSeconds(distill)} distilling, ` +
      `${formatSeconds(evaluate)} evaluating, ${formatSeconds(prepare)} preparing what is shared`,
    `disk    about ${formatBytes(bytes.sets + bytes.prepared)}: ${formatBytes(bytes.sets)} of sets, ` +
      `${formatBytes(bytes.prepared)} of shared parts`,
  ].join("\n");
}

/** `2/3` as the second of three. */
function shard(text: string): Shard {
  const [, index, count] = /^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(text)?.map(Number) ?? [];
  if (index !== undefined && count !== undefined && index <= count) return { index, count };
  throw new InvalidArgumentError(`wanted a shard such as 2/3, got "${text}".`);
}

/** The engine's options that have a value. */
function defined({
  backend,
  precision,
  threads,
}: {
  readonly backend?: string | undefined;
  readonly precision?: string | undefined;
  readonly threads?: number | undefined;
}): CommonFlags {
  return {
    ...(backend === undefined ? {} : { backend }),
    ...(precision === undefined ? {} : { precision }),
    ...(threads === undefined ? {} : { threads }),
  };
}
