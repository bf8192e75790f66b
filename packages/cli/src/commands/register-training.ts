import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import {
  collect,
  measuredRate,
  parseOverrides,
  takeInterrupts,
  wholeNumber,
  withEngineOptions,
  type RawConfig,
} from "@limbeck/benchmarks";
import {
  ConfigError,
  createRunContext,
  disposeTrained,
  engineInfo,
  folderPartStore,
  writeNetwork,
  type ImageDataset,
  type PreparedPart,
  type ResumableTrainingOptions,
  type RunContext,
  type TrainedModel,
} from "@limbeck/core";
import type { Command } from "commander";
import { startEngineAloud, withOutputOptions, type CommonFlags } from "../common-options.ts";
import { openForCommand } from "../open-for-command.ts";
import { createOutput, type Output } from "../output.ts";
import { createProgress, type Progress } from "../progress.ts";
import { formatBytes, formatSeconds, threeDigits } from "../units.ts";

/** Keys that have options of their own. */
interface TrainingConfig {
  readonly network: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
}

/** A command that trains one network on a data set and writes it as a file. */
export interface TrainingCommand<Config extends TrainingConfig> {
  readonly name: string;
  readonly description: string;
  /** Network, epochs and batch size where nothing is given. */
  readonly defaults: Omit<TrainingConfig, "seed">;
  /** Of every image in a step. */
  readonly views: number;
  readonly smallestBatch: number;
  /** Follows "another key, as" in the help. */
  readonly otherKeys: string;
  /** Name of the file in messages. */
  readonly file: string;
  /** @throws {ConfigError} on a wrong key or value. */
  config(input: RawConfig): Config;
  /** @throws {ConfigError} on a network that cannot be trained so. */
  parts(context: RunContext, config: Config): readonly PreparedPart[];
  train(dataset: ImageDataset, config: Config, options: ResumableTrainingOptions): Promise<TrainedModel>;
  /** What is printed once the file is there. */
  report(
    model: TrainedModel,
    dataset: ImageDataset,
    config: Config,
    path: string,
  ): Promise<{ readonly json: Readonly<Record<string, unknown>>; readonly text: string }>;
}

interface TrainingFlags extends CommonFlags, Partial<TrainingConfig> {
  readonly set?: readonly string[];
  readonly out: string;
  readonly dryRun?: true;
}

/** `limbeck NAME <dataset> --out FILE`: resumable, with a forecast. */
export function registerTraining<Config extends TrainingConfig>(
  program: Command,
  training: TrainingCommand<Config>,
): void {
  const { network, epochs, batchSize } = training.defaults;
  const each = training.views === 1 ? "" : `, ${training.views} views each`;
  const command = program
    .command(training.name)
    .description(training.description)
    .argument("<dataset>", "name of a data set (limbeck datasets) or path of a folder or file")
    .option("--network <name>", `network of the zoo (default: ${network})`)
    .option("--epochs <n>", `complete passes over the images (default: ${epochs})`, wholeNumber(1))
    .option(
      "--batch-size <n>",
      `images a step${each} (default: ${batchSize})`,
      wholeNumber(training.smallestBatch),
    )
    .option("--seed <n>", "decides initial parameters, order and views (default: 0)", wholeNumber(0))
    .option("--set <key=value>", `another key, as ${training.otherKeys}; may be repeated`, collect)
    .requiredOption("--out <file>", "safetensors to write; snapshots are kept in prepared/ beside it")
    .option("--dry-run", "forecast time, memory and bytes; write nothing");
  withOutputOptions(withEngineOptions(command)).action((name: string, flags: TrainingFlags) =>
    runTraining(training, name, flags),
  );
}

async function runTraining<Config extends TrainingConfig>(
  training: TrainingCommand<Config>,
  name: string,
  flags: TrainingFlags,
): Promise<void> {
  const output = createOutput(flags);
  // Fail on a wrong key or place before a data set is opened or a back end started.
  const config = training.config({ ...parseOverrides(flags.set ?? []), ...given(flags) });
  if (existsSync(flags.out) && statSync(flags.out).isDirectory()) {
    throw new ConfigError(
      `${training.name}: --out ${flags.out}: wanted the path of a file, got a folder; give ${training.file} in it`,
    );
  }
  await startEngineAloud(flags, output);
  const dataset = await openForCommand(name, output, { download: flags.dryRun !== true });
  const forecast = forecastOf(training, dataset, config);
  if (flags.dryRun === true) {
    await tellForecast(forecast, dataset, config, output);
    return;
  }
  const interrupt = takeInterrupts(() => output.note("\nstopping; finished snapshots are kept"));
  let progress: Progress | undefined;
  try {
    const model = await training.train(dataset, config, {
      store: folderPartStore(join(dirname(resolve(flags.out)), "prepared")),
      shouldStop: () => interrupt.signal.aborted,
      onEpoch({ epoch, epochs, loss }) {
        progress ??= createProgress(output, training.name, epochs, epoch - 1);
        progress.update({ done: epoch, loss });
      },
    });
    try {
      await writeNetwork(flags.out, model);
      progress?.stop();
      const { json, text } = await training.report(model, dataset, config, flags.out);
      output.result(
        { path: flags.out, network: model.network.name, ...json, config },
        `${flags.out}\n${text}`,
      );
    } finally {
      disposeTrained(model);
    }
  } finally {
    progress?.stop();
    interrupt.release();
  }
}

function given({ network, epochs, batchSize, seed }: TrainingFlags): RawConfig {
  return Object.fromEntries(
    Object.entries({ network, epochs, batchSize, seed }).filter(([, value]) => value !== undefined),
  );
}

interface TrainingForecast {
  readonly multiplyAdds: number;
  /** Peak bytes of tensors during a step, estimated. */
  readonly peakBytes: number;
  /** Of snapshots and network together. */
  readonly bytes: number;
}

/** Also meets a network that cannot be trained so before anything is trained. */
function forecastOf<Config extends TrainingConfig>(
  training: TrainingCommand<Config>,
  dataset: ImageDataset,
  config: Config,
): TrainingForecast {
  const context = createRunContext(dataset, config.seed);
  const parts = training.parts(context, config);
  const { activationFloats, parameterCount } = context.network(config.network);
  const batch = training.views * Math.min(config.batchSize, dataset.train.size);
  const pixels = dataset.shape[0] * dataset.shape[1] * dataset.shape[2];
  return {
    multiplyAdds: parts.reduce((sum, part) => sum + part.multiplyAdds, 0),
    peakBytes: 4 * (batch * (activationFloats + 4 * pixels) + 6 * parameterCount),
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
  };
}

async function tellForecast(
  forecast: TrainingForecast,
  dataset: ImageDataset,
  config: TrainingConfig,
  output: Output,
): Promise<void> {
  const rate = await measuredRate(createRunContext(dataset, 0).network(config.network));
  const seconds = forecast.multiplyAdds / rate;
  const { backend } = engineInfo();
  output.result(
    { dataset: dataset.name, backend, gigaflops: (2 * rate) / 1e9, seconds, ...forecast, config },
    [
      `${config.network} on ${dataset.name}: ${config.epochs} epochs`,
      `time    about ${formatSeconds(seconds)} (${backend} reaches ${threeDigits((2 * rate) / 1e9)} GFLOP/s here)`,
      `memory  about ${formatBytes(forecast.peakBytes)} of tensors`,
      `kept    ${formatBytes(forecast.bytes)} of snapshots`,
      `config  ${JSON.stringify(config)}`,
    ].join("\n"),
  );
}
