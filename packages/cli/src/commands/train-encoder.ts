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
  encoderConfig,
  encoderKey,
  encoderParts,
  engineInfo,
  foldIn,
  folderPartStore,
  probeEncoder,
  trainEncoder,
  writeNetwork,
  type EncoderConfig,
  type ImageDataset,
  type TrainedModel,
} from "@limbeck/core";
import type { Command } from "commander";
import { startEngineAloud, withOutputOptions, type CommonFlags } from "../common-options.ts";
import { openForCommand } from "../open-for-command.ts";
import { createOutput, type Output } from "../output.ts";
import { createProgress, type Progress } from "../progress.ts";
import { formatBytes, formatSeconds, threeDigits } from "../units.ts";

interface TrainEncoderFlags extends CommonFlags {
  readonly network?: string;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly seed?: number;
  readonly set?: readonly string[];
  readonly out: string;
  readonly dryRun?: true;
}

/** `limbeck train-encoder <dataset> --out …`: an image encoder that learns without labels, for `relabel --form hello`. */
export function registerTrainEncoder(program: Command): void {
  const command = program
    .command("train-encoder")
    .description("train an image encoder without labels (SimCLR), for relabel --form hello")
    .argument("<dataset>", "name of a data set (limbeck datasets) or path of a folder or file")
    .option("--network <name>", "network of the zoo (default: resnet18-batch)")
    .option("--epochs <n>", "complete passes over the images (default: 100)", wholeNumber(1))
    .option("--batch-size <n>", "images a step, two views each (default: 128)", wholeNumber(2))
    .option("--seed <n>", "decides initial parameters, order and views (default: 0)", wholeNumber(0))
    .option(
      "--set <key=value>",
      "another key, as temperature=0.2 or views.colourStrength=1; may be repeated",
      collect,
    )
    .requiredOption("--out <file>", "safetensors to write; snapshots are kept in prepared/ beside it")
    .option("--dry-run", "forecast time, memory and bytes; write nothing");
  withOutputOptions(withEngineOptions(command)).action(runTrainEncoder);
}

async function runTrainEncoder(name: string, flags: TrainEncoderFlags): Promise<void> {
  const output = createOutput(flags);
  // Fail on a wrong key or place before a data set is opened or a back end started.
  const config = encoderConfig({ ...parseOverrides(flags.set ?? []), ...given(flags) });
  if (existsSync(flags.out) && statSync(flags.out).isDirectory()) {
    throw new ConfigError(
      `train-encoder: --out ${flags.out}: wanted the path of a file, got a folder; give encoder.safetensors in it`,
    );
  }
  await startEngineAloud(flags, output);
  const dataset = await openForCommand(name, output, { download: flags.dryRun !== true });
  const forecast = forecastOf(dataset, config);
  if (flags.dryRun === true) {
    await tellForecast(forecast, dataset, config, output);
    return;
  }
  const interrupt = takeInterrupts(() => output.note("\nstopping; finished snapshots are kept"));
  let progress: Progress | undefined;
  try {
    const model = await trainEncoder(dataset, config, {
      store: folderPartStore(join(dirname(resolve(flags.out)), "prepared")),
      shouldStop: () => interrupt.signal.aborted,
      onEpoch({ epoch, epochs, loss }) {
        progress ??= createProgress(output, "train-encoder", epochs, epoch - 1);
        progress.update({ done: epoch, loss });
      },
    });
    try {
      await writeNetwork(flags.out, model);
      progress?.stop();
      await report(model, dataset, config, flags.out, output);
    } finally {
      disposeTrained(model);
    }
  } finally {
    progress?.stop();
    interrupt.release();
  }
}

/** The keys that have options of their own. */
function given({ network, epochs, batchSize, seed }: TrainEncoderFlags): RawConfig {
  return Object.fromEntries(
    Object.entries({ network, epochs, batchSize, seed }).filter(([, value]) => value !== undefined),
  );
}

interface EncoderForecast {
  readonly multiplyAdds: number;
  /** Peak bytes of tensors during a step, estimated. */
  readonly peakBytes: number;
  /** Of snapshots and encoder together. */
  readonly bytes: number;
}

/** Also meets an unknown network, and one without an embedding, before anything is trained. */
function forecastOf(dataset: ImageDataset, config: EncoderConfig): EncoderForecast {
  const context = createRunContext(dataset, config.seed);
  const parts = encoderParts(context, "encoder", config);
  const { activationFloats, parameterCount } = context.network(config.network);
  const batch = 2 * Math.min(config.batchSize, dataset.train.size);
  const pixels = dataset.shape[0] * dataset.shape[1] * dataset.shape[2];
  return {
    multiplyAdds: parts.reduce((sum, part) => sum + part.multiplyAdds, 0),
    peakBytes: 4 * (batch * (activationFloats + 4 * pixels) + 6 * parameterCount),
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
  };
}

async function tellForecast(
  forecast: EncoderForecast,
  dataset: ImageDataset,
  config: EncoderConfig,
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

/** The encoder's number beside that of the same network before its training. */
async function report(
  model: TrainedModel,
  dataset: ImageDataset,
  config: EncoderConfig,
  path: string,
  output: Output,
): Promise<void> {
  const { network } = model;
  const { validationShare } = config;
  const trained = await probeEncoder({ ...model, dataset, validationShare });
  const theta = network.init(foldIn(encoderKey(config), "init"));
  const untrained = await probeEncoder({ network, theta, dataset, validationShare });
  theta.dispose();
  const percent = (value: number): string => `${value.toFixed(1)} %`;
  output.result(
    {
      path,
      network: network.name,
      neighbours: { trained: trained.percent, untrained: untrained.percent, images: trained.total },
      config,
    },
    `${path}\n` +
      `nearest neighbours: ${percent(trained.percent)} of ${trained.total} held-out training images get their class, ` +
      `${percent(untrained.percent)} before the training\n` +
      `next: limbeck relabel SET --form hello --teacher FILE --encoder ${path}`,
  );
}
