import { LimbeckError } from "@limbeck/core";
import { benchCommand } from "./bench-command.ts";

try {
  await benchCommand().parseAsync();
} catch (error) {
  if (!(error instanceof LimbeckError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
}
