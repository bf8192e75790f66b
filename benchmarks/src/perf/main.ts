import { LimbeckError } from "@limbeck/core";
import { runPerfCommand } from "./perf-command.ts";

try {
  await runPerfCommand(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof LimbeckError)) throw error;
  process.stderr.write(`perf: ${error.message}\n`);
  process.exitCode = 2;
}
