import {
  checkDevices,
  createCellRunner,
  createDevicePool,
  createProcessRunner,
  engineChoiceOf,
  fairTable,
  folderCellStore,
  forecastSweep,
  methods,
  openCellStore,
  parseDevices,
  planCells,
  planSweep,
  queueSweep,
  readSweepFile,
  realSize,
  runSweep,
  scoreTable,
  shardOf,
  sweepPaths,
  takeInterrupts,
  transferTable,
  wholeNumber,
  withEngineOptions,
  type Catalogue,
  type CellStore,
  type RunSweepOptions,
  type SweepForecast,
  type SweepPlan,
  type SweepResult,
} from "@limbeck/benchmarks";
import { ConfigError, engineIdentity, engineInfo, nvidiaCards } from "@limbeck/core";
import { InvalidArgumentError, type Command } from "commander";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { startEngineAloud, withOutputOptions, type CommonFlags } from "../common-options.ts";
import { openForCommand } from "../open-for-command.ts";
import { createOutput, type Output } from "../output.ts";
import { queueOption } from "../queue-option.ts";
import { createSweepProgress } from "../sweep-progress.ts";
import { formatBytes, formatSeconds } from "../units.ts";

interface Shard {
  readonly index: number;
  readonly count: number;
}

interface SweepFlags extends CommonFlags {
  readonly out: string;
  readonly records?: string;
  readonly jobs?: number;
  readonly devices?: readonly number[];
  readonly shard?: Shard;
  readonly retryFailed?: true;
  readonly dryRun?: true;
  readonly queue?: string;
  readonly store?: string;
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
    .option(
      "--jobs <n>",
      "cells at a time, from two on each in a process of its own with its share of the cores (default: 1, or one a device)",
      wholeNumber(1),
    )
    .option(
      "--devices <list>",
      "graphics cards such as 0,1: each cell in a process with one of its own",
      parseDevices,
    )
    .option("--shard <i/n>", "only every n-th, from the i-th: for n machines", shard)
    .option("--retry-failed", "try again what failed in an earlier call")
    .addOption(queueOption("give the cells to the workers of this queue (limbeck worker) and watch them"))
    .option(
      "--store <place>",
      "with --queue: folder or s3://BUCKET/PREFIX that the workers use too (default: --out)",
    )
    .option("--dry-run", "check everything, forecast hours and bytes; start nothing");
  withOutputOptions(withEngineOptions(command)).action(sweep);
}

async function sweep(path: string, flags: SweepFlags): Promise<void> {
  const output = createOutput(flags);
  const read = await readSweepFile(path);
  // What neither the file nor the command says of threads follows from the jobs.
  const jobs = jobsOf(flags);
  if (flags.devices !== undefined && flags.queue !== undefined) {
    throw new ConfigError(
      "sweep: wanted --devices or --queue, got both; workers of a queue choose theirs by limbeck worker --device",
    );
  }
  const share = jobs === 1 ? {} : { threads: Math.max(1, Math.floor(availableParallelism() / jobs)) };
  await startEngineAloud(
    { ...share, ...engineChoiceOf(read.file.engine ?? {}), ...engineChoiceOf(flags) },
    output,
  );
  if (flags.devices !== undefined) {
    const { backend, isa } = engineInfo();
    const cards = isa === "cuda" && nvidiaCards().length > 0 ? nvidiaCards().length : undefined;
    checkDevices(flags.devices, { backend, isa, jobs, cards });
  }
  const download = flags.dryRun !== true;
  const catalogue: Catalogue = {
    methods,
    openDataset: (name) => openForCommand(name, output, { download }),
  };
  const whole = await planSweep(read, catalogue, engineIdentity());
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

/** Here, or on the workers of a queue. */
async function start(
  plan: SweepPlan,
  catalogue: Catalogue,
  flags: SweepFlags,
  common: Pick<RunSweepOptions, "retryFailed" | "signal" | "onEvent">,
): Promise<SweepResult> {
  const { out: folder, queue, records, devices } = flags;
  const jobs = jobsOf(flags);
  if (queue !== undefined) {
    const store = (): Promise<CellStore> => openCellStore(flags.store ?? folder);
    const files = [sweepPaths(folder).records, ...(records === undefined ? [] : [records])];
    return queueSweep(plan, { queue, store, records: files, ...common });
  }
  const runner: RunSweepOptions["runner"] = (places) =>
    jobs === 1 && devices === undefined
      ? createCellRunner({ catalogue, ...places })
      : createProcessRunner(
          { ...places, store: sweepPaths(folder).store },
          process.execArgv,
          devices === undefined ? undefined : createDevicePool(devices),
        );
  return runSweep(plan, { folder, runner, jobs, ...common, ...(records === undefined ? {} : { records }) });
}

const jobsOf = ({ jobs, devices }: SweepFlags): number => jobs ?? devices?.length ?? 1;

async function run(plan: SweepPlan, catalogue: Catalogue, flags: SweepFlags, output: Output): Promise<void> {
  const interrupt = takeInterrupts(() =>
    output.note("\nfinishing this step; the same command goes on later; once more to stop at once"),
  );
  const progress = createSweepProgress(output, planCells(plan).length);
  try {
    const { records, failed } = await start(plan, catalogue, flags, {
      retryFailed: flags.retryFailed === true,
      signal: interrupt.signal,
      onEvent: (event) => progress.tell(event),
    });
    progress.stop();
    const failures = failed.map(({ title, message }) => ({ title, message }));
    const told = failures.map(({ title, message }) => `failed: ${title}: ${message}`);
    const tables = [scoreTable(records, realSize), fairTable(records), transferTable(records)].filter(
      (table) => table !== "",
    );
    output.result({ name: plan.name, records, failed: failures }, [tables.join("\n\n"), ...told].join("\n"));
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
