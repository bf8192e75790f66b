import type { z } from "zod";
import type { ImageDataset } from "../dataset/image-dataset.ts";
import { ConfigError, DataError } from "../errors.ts";
import type { DistillationMethod, Forecast, MethodState, RunContext } from "../method/method.ts";
import { resolveConfig } from "../method/resolve-config.ts";
import type { Cadence, DistillOptions } from "./distill-options.ts";
import { forecastOf } from "./prepare-parts.ts";
import { createRunContext } from "./run-context.ts";

/** A run before it starts: everything checked, nothing touched. */
export interface RunPlan<Schema extends z.ZodType = z.ZodType, State extends MethodState = MethodState> {
  readonly method: DistillationMethod<Schema, State>;
  readonly dataset: ImageDataset;
  readonly context: RunContext;
  readonly config: z.output<Schema>;
  /** The same configuration, for files. */
  readonly plainConfig: Readonly<Record<string, unknown>>;
  readonly ipc: number;
  readonly steps: number;
  readonly seed: number;
  readonly preset: string | undefined;
  readonly directory: string | undefined;
  readonly cache: string | undefined;
  readonly resume: boolean;
  readonly continueFrom: string | undefined;
  readonly checkpointEvery: Cadence;
  readonly previewEvery: number;
  readonly keepEvery: number;
}

const DEFAULT_CHECKPOINT: Cadence = { seconds: 60 };

/**
 * Checks what a run was asked to be.
 *
 * @throws {ConfigError} if the configuration or an option is wrong.
 * @throws {DataError} if a class has fewer training images than the images per class asked for.
 */
export function planRun<Schema extends z.ZodType, State extends MethodState>(
  method: DistillationMethod<Schema, State>,
  dataset: ImageDataset,
  options: DistillOptions<z.input<Schema>>,
): RunPlan<Schema, State> {
  const { seed = 0, checkpointEvery = DEFAULT_CHECKPOINT, resume = false } = options;
  const { previewEvery = Infinity, keepEvery = Infinity } = options;
  const config = resolveConfig(method, options);
  const plainConfig = config as Readonly<Record<string, unknown>>;
  const ipc = Number(plainConfig["ipc"]);
  if (!Number.isSafeInteger(seed))
    throw new ConfigError(`distill: seed must be a whole number, got ${String(seed)}`);
  checkPositive("checkpointEvery.steps", checkpointEvery.steps);
  checkPositive("checkpointEvery.seconds", checkpointEvery.seconds);
  checkPositive("previewEvery", previewEvery);
  checkPositive("keepEvery", keepEvery);
  if (resume && options.directory === undefined) {
    throw new ConfigError("distill: resume needs the directory of the run");
  }
  if (options.continueFrom !== undefined) checkContinuable(method, options.directory);
  checkClassSizes(dataset, ipc);
  return {
    method,
    dataset,
    context: createRunContext(dataset, seed),
    config,
    plainConfig,
    ipc,
    steps: method.steps(config, dataset),
    seed,
    preset: options.preset,
    directory: options.directory,
    cache: options.cache,
    resume,
    continueFrom: options.continueFrom,
    checkpointEvery,
    previewEvery,
    keepEvery,
  };
}

/** What a run would cost, without starting it. Errors as {@link planRun}. */
export function forecastRun<Schema extends z.ZodType, State extends MethodState>(
  method: DistillationMethod<Schema, State>,
  dataset: ImageDataset,
  options: DistillOptions<z.input<Schema>> = {},
): RunForecast {
  const { context, config, plainConfig, steps } = planRun(method, dataset, options);
  return { config: plainConfig, steps, ...forecastOf(method, context, config) };
}

/** A forecast with the configuration and the number of steps it is for. */
export interface RunForecast extends Forecast {
  /** Complete configuration, defaults filled in. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly steps: number;
}

function checkContinuable({ id, openEnded }: DistillationMethod, directory: string | undefined): void {
  if (directory === undefined) {
    throw new ConfigError("distill: continueFrom needs a directory for the longer run");
  }
  if (openEnded === true) return;
  throw new ConfigError(
    `distill: ${id} plans its steps by their number, so that no longer run begins as a shorter one did; start it anew`,
  );
}

function checkPositive(name: string, value: number | undefined): void {
  if (value !== undefined && !(value > 0)) {
    throw new ConfigError(`distill: ${name} must be above 0, got ${String(value)}`);
  }
}

function checkClassSizes(dataset: ImageDataset, ipc: number): void {
  const counts = dataset.classes.map(() => 0);
  for (const label of dataset.train.labels) counts[label] = (counts[label] ?? 0) + 1;
  const short = counts.findIndex((count) => count < ipc);
  if (short < 0) return;
  throw new DataError(
    `${dataset.name}: class "${dataset.classes[short]}" has ${counts[short]} training images, fewer than the ${ipc} ` +
      `images per class asked for; lower ipc, add images or leave the class out`,
  );
}
