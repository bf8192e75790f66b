#!/usr/bin/env node
import { reportFailure } from "@limbeck/benchmarks";
import { createProgram } from "./program.ts";

try {
  await createProgram().parseAsync();
} catch (error) {
  reportFailure(error);
}
