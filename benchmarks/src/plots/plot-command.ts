import { basename, resolve } from "node:path";
import { readEvents, runPaths, writeFileBeside } from "@limbeck/core";
import { Command } from "commander";
import { matchedStarts, startEpochsPlot } from "./start-epochs.ts";

/** `pnpm plot`: pictures of what runs logged. */
export function plotCommand(): Command {
  return new Command("plot").addCommand(
    new Command("start-epochs")
      .description("where in the experts' training a trajectory method matches: distance by start epoch")
      .argument("<runs...>", "run folders")
      .option("--out <file>", "picture", "start-epochs.svg")
      .action(plotStartEpochs),
  );
}

async function plotStartEpochs(folders: readonly string[], { out }: { readonly out: string }): Promise<void> {
  const runs = folders.map((folder) => {
    const { events } = runPaths(folder);
    return { name: basename(resolve(folder)), starts: matchedStarts(readEvents(events), events) };
  });
  for (const { name, starts } of runs) {
    for (const { startEpoch, part, distance, n } of starts) {
      process.stdout.write(`${name}  epoch ${startEpoch}  ${part}  ${distance.toFixed(4)}  n = ${n}\n`);
    }
  }
  writeFileBeside(out, await startEpochsPlot(runs));
  process.stdout.write(`${out}\n`);
}
