import { BackendError, ConfigError, LimbeckError } from "@limbeck/core";
import { CommanderError } from "commander";

/** 0 done; 1 a run failed; 2 wrong usage or configuration; 130 interrupted with a checkpoint written. */
export type ExitCode = 0 | 1 | 2 | 130;

/** The exit code that an error stands for, and what to print: a message for errors meant for users, a stack for bugs. */
export function describeFailure(error: unknown): { readonly code: ExitCode; readonly message: string } {
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? 0 : 2, message: "" };
  if (error instanceof ConfigError || error instanceof BackendError)
    return { code: 2, message: error.message };
  if (error instanceof LimbeckError) return { code: 1, message: error.message };
  if (error instanceof Error && "code" in error) return { code: 1, message: error.message };
  return { code: 1, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
