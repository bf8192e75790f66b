#!/usr/bin/env node
import { reportFailure } from "./exit-code.ts";
import { createProgram } from "./program.ts";

try {
  await createProgram().parseAsync();
} catch (error) {
  reportFailure(error);
}
