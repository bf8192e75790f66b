import { useBackend, type Precision } from "@limbeck/core";
import type { Command } from "commander";
import { oneBackend, wholeNumber } from "./option-parsers.ts";

/** What a command line says of the engine; what it leaves out, the engine chooses. */
export interface EngineChoice {
  readonly backend?: string;
  readonly precision?: Precision;
  readonly threads?: number;
  readonly samplesAtOnce?: number;
}

/** Adds the options of every command that computes: they give an {@link EngineChoice}. */
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

/** The same words again, for a process that computes on the same engine. */
export function engineWords({ backend, precision, threads, samplesAtOnce }: EngineChoice): string[] {
  return [
    ...(backend === undefined ? [] : ["--backend", backend]),
    ...(precision === undefined ? [] : ["--precision", precision]),
    ...(threads === undefined ? [] : ["--threads", String(threads)]),
    ...(samplesAtOnce === undefined ? [] : ["--samples-at-once", String(samplesAtOnce)]),
  ];
}

/** What some flags or settings say of the engine, without what they leave open. */
export function engineChoiceOf({
  backend,
  precision,
  threads,
  samplesAtOnce,
}: {
  readonly [Key in keyof EngineChoice]: EngineChoice[Key] | undefined;
}): EngineChoice {
  return {
    ...(backend === undefined ? {} : { backend }),
    ...(precision === undefined ? {} : { precision }),
    ...(threads === undefined ? {} : { threads }),
    ...(samplesAtOnce === undefined ? {} : { samplesAtOnce }),
  };
}

/**
 * Starts the back end that was asked for.
 *
 * @throws {ConfigError} on an unknown name; {@link BackendError} with the reason where a back end cannot be had.
 */
export async function startEngine(choice: EngineChoice): Promise<void> {
  const { backend = "auto", ...options } = engineChoiceOf(choice);
  await useBackend(backend, options);
}
