#!/usr/bin/env node
import { createProgram } from "./program.ts";
import { describeFailure } from "./exit-code.ts";

try {
  await createProgram().parseAsync();
} catch (error) {
  const { code, message } = describeFailure(error);
  if (message !== "") process.stderr.write(`limbeck: ${message}\n`);
  process.exitCode = code;
}
