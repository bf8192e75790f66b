import { startEngine, type EngineChoice } from "@limbeck/benchmarks";
import { engineInfo } from "@limbeck/core";
import type { Command } from "commander";
import type { Output, OutputOptions } from "./output.ts";

/** Options that every command has. */
export function withOutputOptions(command: Command): Command {
  return command
    .option("--json", "print the result as one JSON line on stdout")
    .option("--quiet", "print nothing on stderr but errors")
    .option("--no-color", "no colours (NO_COLOR does the same)");
}

export type CommonFlags = OutputOptions & EngineChoice;

/**
 * Starts the back end that was asked for and says in one line which one it is.
 *
 * @throws as {@link startEngine}.
 */
export async function startEngineAloud(choice: EngineChoice, output: Output): Promise<void> {
  await startEngine(choice);
  const { backend, precision, threads, samplesAtOnce } = engineInfo();
  output.note(
    output.colors.dim(
      `${backend}, precision ${precision}, ${threads} ${threads === 1 ? "thread" : "threads"}` +
        (samplesAtOnce === undefined ? "" : `, batches in pieces of at most ${samplesAtOnce}`),
    ),
  );
}
