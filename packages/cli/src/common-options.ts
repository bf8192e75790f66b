import { engineInfo, useBackend, type EngineOptions } from "@limbeck/core";
import type { Command } from "commander";
import { oneBackend, wholeNumber } from "@limbeck/benchmarks";
import type { Output, OutputOptions } from "./output.ts";

/** Options that every command has. */
export function withOutputOptions(command: Command): Command {
  return command
    .option("--json", "print the result as one JSON line on stdout")
    .option("--quiet", "print nothing on stderr but errors")
    .option("--no-color", "no colours (NO_COLOR does the same)");
}

/** Options of the commands that compute. */
export function withEngineOptions(command: Command): Command {
  return command
    .option(
      "--backend <name>",
      "auto, native, tensorflow, webgpu, wasm or cpu (default: LIMBECK_BACKEND, else auto)",
      oneBackend,
    )
    .option(
      "--precision <name>",
      "highest (float32), high or default (bfloat16 or float16 where the machine has it)",
    )
    .option("--threads <n>", "threads of the back end (default: all cores)", wholeNumber(1))
    .option(
      "--samples-at-once <n>",
      "split batches of more images where it can be done: less memory, the same within rounding",
      wholeNumber(1),
    );
}

export interface EngineFlags {
  readonly backend?: string;
  readonly precision?: string;
  readonly threads?: number;
  readonly samplesAtOnce?: number;
}

export type CommonFlags = OutputOptions & EngineFlags;

/**
 * Starts the back end that was asked for and says in one line if it is not the fast one.
 *
 * @throws {ConfigError} on an unknown name; {@link BackendError} with the reason where a back end cannot be had.
 */
export async function startEngine(flags: EngineFlags, output: Output): Promise<void> {
  const options: EngineOptions = {
    ...(flags.precision === undefined
      ? {}
      : { precision: flags.precision as NonNullable<EngineOptions["precision"]> }),
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(flags.samplesAtOnce === undefined ? {} : { samplesAtOnce: flags.samplesAtOnce }),
  };
  const info = await useBackend(flags.backend ?? "auto", options);
  const { backend, precision, threads, samplesAtOnce } = engineInfo();
  output.note(
    output.colors.dim(
      `${backend}, precision ${precision}, ${threads} ${threads === 1 ? "thread" : "threads"}` +
        (samplesAtOnce === undefined ? "" : `, batches in pieces of at most ${samplesAtOnce}`),
    ),
  );
  void info;
}
