import { join } from "node:path";
import {
  ConfigError,
  distill,
  engineIdentity,
  forecastRun,
  hashSyntheticSet,
  InterruptedError,
  resolveConfig,
  type Run,
  type SyntheticSet,
  type Whitening,
} from "@limbeck/core";
import { Option, type Command } from "commander";
import { startEngineAloud, withOutputOptions, type CommonFlags } from "../common-options.ts";
import { readConfigFile, type ConfigFile } from "../config-file.ts";
import { forecastText, makeForecast } from "../dry-run.ts";
import { openForCommand } from "../open-for-command.ts";
import {
  collect,
  engineChoiceOf,
  layeredConfig,
  methodNamed,
  parseOverrides,
  takeInterrupts,
  whitenedAs,
  whiteningOf,
  wholeNumber,
  withEngineOptions,
  type RawConfig,
} from "@limbeck/benchmarks";
import { createOutput, type Output } from "../output.ts";
import { createProgress, type Progress } from "../progress.ts";
import { runFolderName } from "../run-folder-name.ts";
import { formatSeconds } from "../units.ts";

interface DistillFlags extends CommonFlags {
  readonly method?: string;
  readonly preset?: string;
  readonly zca?: Whitening | boolean;
  readonly ipc?: number;
  readonly iterations?: number;
  readonly set?: readonly string[];
  readonly config?: string;
  readonly seed?: number;
  readonly out?: string;
  readonly checkpointEvery?: number;
  readonly keepEvery?: number;
  readonly resume?: true;
  readonly continueFrom?: string;
  readonly dryRun?: true;
}

/** `limbeck distill <dataset> --method …`: real images in, `set.arrow` out. */
export function registerDistill(program: Command): void {
  const command = program
    .command("distill")
    .description("condense a data set")
    .argument("[dataset]", "name of a data set (limbeck datasets) or path of a folder or file")
    .option("--method <id>", "method (limbeck methods)")
    .option("--ipc <n>", "synthetic images per class", wholeNumber(1))
    .option("--preset <name>", "named configuration of the method")
    .addOption(
      new Option(
        "--zca [what]",
        "whiten the images: pixels as they are, or standardised first (default: what the preset says)",
      ).choices(["pixels", "standardised"]),
    )
    .option("--no-zca", "do not whiten, whatever the preset says")
    .option("--iterations <n>", "updates of the synthetic images", wholeNumber(1))
    .option("--set <key=value>", "another configuration key, dotted if nested; may be repeated", collect)
    .option("--config <file>", "YAML or JSON file with these options; the command line wins")
    .option("--seed <n>", "decides every random choice (default 0)", wholeNumber(0))
    .option("--out <folder>", "run folder (default: runs/…, by data set, method and configuration)")
    .option(
      "--checkpoint-every <steps>",
      "steps between checkpoints (default: a minute of work)",
      wholeNumber(1),
    )
    .option(
      "--keep-every <steps>",
      "steps between two sets kept in sets/ of the run folder: a page shows how the images form",
      wholeNumber(1),
    )
    .option("--resume", "go on with the unfinished run in the run folder")
    .option(
      "--continue-from <folder>",
      "begin where a shorter run of the same configuration ended; more --iterations, another run folder",
    )
    .option("--dry-run", "forecast time, memory and bytes; start and write nothing");
  withOutputOptions(withEngineOptions(command)).action(runDistill);
}

async function runDistill(datasetArgument: string | undefined, flags: DistillFlags): Promise<void> {
  const output = createOutput(flags);
  const file: ConfigFile = flags.config === undefined ? {} : readConfigFile(flags.config);
  const method = methodNamed(required("--method", flags.method ?? file.method));
  const datasetName = required("a data set", datasetArgument ?? file.dataset);
  const preset = flags.preset ?? file.preset;
  const layers: RawConfig[] = [file.config ?? {}, parseOverrides(flags.set ?? []), given(flags)];
  const config = layeredConfig(method, preset, layers);
  // Fail on a wrong key before a data set is opened or a back end started.
  const complete = resolveConfig(method, { preset, config }) as RawConfig & { readonly ipc: number };
  await startEngineAloud({ ...engineChoiceOf(file), ...engineChoiceOf(flags) }, output);
  const opened = await openForCommand(datasetName, output, { download: flags.dryRun !== true });
  const choice = { zca: flags.zca ?? file.zca, method, preset };
  const zca = whiteningOf(choice);
  // A forecast does not need the whitening itself.
  const dataset = flags.dryRun === true && zca !== undefined ? opened : await whitenedAs(opened, choice);
  // An unknown network, or a class with too few images, is met before a run folder is made.
  forecastRun(method, dataset, { preset, config });
  const seed = flags.seed ?? file.seed ?? 0;
  if (flags.dryRun === true) {
    const forecast = await makeForecast(method, dataset, { preset, config });
    output.result(forecast, forecastText(forecast));
    return;
  }
  const identity = {
    dataset: dataset.name,
    method: method.id,
    ipc: complete.ipc,
    config: complete,
    ...(zca === undefined ? {} : { zca }),
    seed,
  };
  const directory =
    flags.out ?? file.out ?? runFolderName({ ...identity, sha256: dataset.sha256, ...engineIdentity() });
  const interrupt = takeInterrupts(() => output.note("\nfinishing this step; once more to stop at once"));
  try {
    const run = distill(method, dataset, {
      preset,
      config,
      seed,
      directory,
      ...(flags.checkpointEvery === undefined ? {} : { checkpointEvery: { steps: flags.checkpointEvery } }),
      ...(flags.keepEvery === undefined ? {} : { keepEvery: flags.keepEvery }),
      resume: flags.resume === true,
      ...(flags.continueFrom === undefined ? {} : { continueFrom: flags.continueFrom }),
      signal: interrupt.signal,
    });
    const seconds = await follow(run, method.id, output);
    report(await run.result, directory, seconds, output);
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
    output.note(`interrupted; the same command with --resume goes on: run folder ${directory}`);
    output.result({ interrupted: true, run: directory }, directory);
    process.exitCode = 130;
  } finally {
    interrupt.release();
  }
}

/** Shows a run's progress to its end. @returns Seconds of work. */
async function follow(run: Run, title: string, output: Output): Promise<number> {
  let progress: Progress | undefined;
  let seconds = 0;
  try {
    for await (const event of run) {
      if (event.kind === "prepare" && event.state === "making") {
        output.note(
          `${title}: making ${event.name}, part ${event.part} of ${event.parts}; kept for other runs`,
        );
      }
      if (event.kind === "start") progress = createProgress(output, title, event.steps, event.step);
      if (event.kind === "step") progress?.update({ done: event.step, loss: event.loss, bytes: event.bytes });
      if (event.kind === "done") seconds = event.seconds;
    }
  } finally {
    progress?.stop();
  }
  return seconds;
}

function report(set: SyntheticSet, directory: string, seconds: number, output: Output): void {
  const path = join(directory, "set.arrow");
  const { method, dataset, ipc } = set.provenance;
  output.result(
    { run: directory, set: path, hash: hashSyntheticSet(set), method, dataset, ipc, size: set.size, seconds },
    `${path}\n${set.size} images, ${ipc} per class, in ${formatSeconds(seconds)}; picture: ${join(directory, "preview.png")}\n` +
      `next: limbeck evaluate ${path}`,
  );
}

function required(what: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new ConfigError(`distill: wanted ${what}, got none; give it on the command line or in --config`);
}

/** The configuration keys that have options of their own. */
function given({ ipc, iterations }: DistillFlags): RawConfig {
  return { ...(ipc === undefined ? {} : { ipc }), ...(iterations === undefined ? {} : { iterations }) };
}
