import { BackendError, ConfigError, InterruptedError, LimbeckError } from "@limbeck/core";
import { CommanderError } from "commander";

/** 0 done; 1 a run failed; 2 wrong usage or configuration; 130 interrupted with a checkpoint written. */
export type ExitCode = 0 | 1 | 2 | 130;

/** The exit code that an error stands for, and what to print: a message for errors meant for users, a stack for bugs. */
export function describeFailure(error: unknown): { readonly code: ExitCode; readonly message: string } {
  // Commander has printed its own message.
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? 0 : 2, message: "" };
  if (error instanceof ConfigError || error instanceof BackendError)
    return { code: 2, message: error.message };
  if (error instanceof InterruptedError) return { code: 130, message: error.message };
  if (error instanceof LimbeckError || isSystemError(error)) return { code: 1, message: error.message };
  return { code: 1, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Errors of the operating system name what failed and where. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}

/** Prints what went wrong to stderr, once and clearly, and sets the exit code of the process. */
export function reportFailure(error: unknown, program = "limbeck"): void {
  const { code, message } = describeFailure(error);
  if (message !== "") process.stderr.write(`${program}: ${message}\n`);
  process.exitCode = code;
}
