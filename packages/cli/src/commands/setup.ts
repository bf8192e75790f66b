import { takeInterrupts } from "@limbeck/benchmarks";
import { ConfigError, removeTensorflowSetup, setupTensorflow, type SetupReport } from "@limbeck/core";
import type { Command } from "commander";
import { withOutputOptions } from "../common-options.ts";
import { createOutput, type OutputOptions } from "../output.ts";

interface SetupFlags extends OutputOptions {
  readonly from?: string;
  readonly remove?: true;
}

/** `limbeck setup tensorflow`: makes the TensorFlow back end run on a current TensorFlow. */
export function registerSetup(program: Command): void {
  const setup = program
    .command("setup")
    .description("prepare a back end that is not complete as npm installs it");
  withOutputOptions(
    setup
      .command("tensorflow")
      .description(
        "build the tfjs-node package's binding against a TensorFlow that you have, in the cache folder",
      )
      .option(
        "--from <source>",
        "a Python wheel of TensorFlow, a folder with its C library or site-packages/tensorflow, or pip: what Python has (default: pip)",
      )
      .option("--remove", "undo it"),
  ).action(setupCommand);
}

async function setupCommand({ from, remove, ...flags }: SetupFlags): Promise<void> {
  const output = createOutput(flags);
  if (remove === true) {
    if (from !== undefined) {
      throw new ConfigError("setup tensorflow: wanted --from or --remove, got both; leave out one");
    }
    const removed = removeTensorflowSetup();
    output.result(
      { removed: removed ?? null },
      removed === undefined ? "nothing was set up" : `removed ${removed}`,
    );
    return;
  }
  const interrupt = takeInterrupts(() => output.note("\nstopping; once more to stop at once"));
  try {
    const report = await setupTensorflow({
      ...(from === undefined ? {} : { from }),
      signal: interrupt.signal,
      onStep: (step) => output.note(output.colors.dim(step)),
    });
    output.result(report, reportText(report));
  } finally {
    interrupt.release();
  }
}

function reportText({
  package: name,
  tensorflow,
  gpu,
  source,
  folder,
  cudaLibraries,
  reused,
}: SetupReport): string {
  const lines = [
    `${reused ? "Already set up" : "Set up"}: ${name} on TensorFlow ${tensorflow}, ${gpu ? "NVIDIA card (CUDA)" : "processor"}`,
    `from    ${source}`,
    `in      ${folder}`,
  ];
  if (cudaLibraries.length > 0) lines.push(`CUDA    ${cudaLibraries.length} libraries beside it`);
  if (!gpu && name.includes("-gpu")) {
    lines.push(
      "No card computes. A CUDA build of TensorFlow needs an NVIDIA driver and the CUDA libraries, which are not in its wheel: " +
        '`python3 -m pip install "tensorflow[and-cuda]"` brings them, and `limbeck setup tensorflow` finds them there.',
    );
  }
  return lines.join("\n");
}
