import { createProgram } from "@limbeck/cli";
import { afterEach, beforeEach, vi } from "vitest";

// Starting a process each takes longer than a small command's work.
vi.setConfig({ testTimeout: 120_000 });
let printed = "";
let told = "";
beforeEach(() => {
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    told += String(text);
    return true;
  });
});
afterEach(() => void vi.restoreAllMocks());

/** Runs a command of `limbeck` in this process. @returns What it printed. */
export async function limbeckInProcess(...args: string[]): Promise<string> {
  [printed, told] = ["", ""];
  await createProgram().parseAsync(args, { from: "user" });
  return printed;
}

/** What the last command wrote on stderr. */
export function noted(): string {
  return told;
}
