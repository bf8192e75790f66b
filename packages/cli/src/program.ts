import { readFileSync } from "node:fs";
import { perfCommand } from "@limbeck/benchmarks";
import { Command } from "commander";
import { registerDatasets } from "./commands/datasets.ts";
import { registerDistill } from "./commands/distill.ts";
import { registerDoctor } from "./commands/doctor.ts";
import { registerEvaluate } from "./commands/evaluate.ts";
import { registerExport } from "./commands/export.ts";
import { registerImport } from "./commands/import.ts";
import { registerMethods } from "./commands/methods.ts";
import { registerPlot } from "./commands/plot.ts";
import { registerReport } from "./commands/report.ts";
import { registerSetup } from "./commands/setup.ts";
import { registerSweep } from "./commands/sweep.ts";
import { registerTrainEncoder } from "./commands/train-encoder.ts";
import { registerTrainTeacher } from "./commands/train-teacher.ts";
import { registerWorker } from "./commands/worker.ts";
import { registerRelabel } from "./commands/relabel.ts";

/** The `limbeck` command. Parsing errors and `--help` throw a CommanderError instead of ending the process. */
export function createProgram(): Command {
  const program = new Command("limbeck")
    .description(
      "Condense an image data set into a few images per class, and prove it by training fresh models.",
    )
    .version(version())
    // An option after a command's name is that command's: `perf backends --json`. It takes both levels to keep it from `perf`.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError("(--help lists the options)");
  registerDistill(program);
  registerEvaluate(program);
  registerSweep(program);
  registerWorker(program);
  registerRelabel(program);
  registerTrainTeacher(program);
  registerTrainEncoder(program);
  registerReport(program);
  registerPlot(program);
  program.addCommand(perfCommand().copyInheritedSettings(program));
  registerDoctor(program);
  registerSetup(program);
  registerDatasets(program);
  registerMethods(program);
  registerExport(program);
  registerImport(program);
  return program;
}

function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
