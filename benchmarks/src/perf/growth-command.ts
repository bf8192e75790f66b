import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { engineInfo } from "@limbeck/core";
import { Command } from "commander";
import { wholeNumber } from "../command-line/option-parsers.ts";
import { startEngine, type EngineChoice } from "../command-line/start-engine.ts";
import { circumstances } from "../command-line/circumstances.ts";
import { measureGrowth } from "./growth.ts";

interface GrowthOptions extends EngineChoice {
  readonly runs: number;
  readonly out: string;
}

/** `perf growth`: how time grows with every size, as JSON lines and as a picture. */
export function growthCommand(): Command {
  return new Command("growth")
    .description("how time grows with batch, width, depth, image size and inner steps")
    .option("--precision <name>", "highest, high or default")
    .option("--backend <name>", "auto, native, tensorflow, webgpu, wasm or cpu")
    .option("--threads <n>", "threads of the back end", wholeNumber(1))
    .option("--runs <n>", "timed runs of each size after one warm-up; the median counts", wholeNumber(1), 5)
    .option(
      "--out <file>",
      "picture; the figures lie beside it as .jsonl",
      join(import.meta.dirname, "../../records/growth.svg"),
    )
    .action(growth);
}

async function growth({ runs, out, ...choice }: GrowthOptions): Promise<void> {
  await startEngine(choice);
  const measured = { runs, threads: engineInfo().threads, ...circumstances() };
  const points = await measureGrowth(runs, ({ workload, size, value, seconds, multiplyAdds }) => {
    const rate = (2 * multiplyAdds) / seconds / 1e9;
    process.stdout.write(
      `${workload.padEnd(16)} ${size} ${value}: ${seconds.toPrecision(3)} s, ${rate.toFixed(0)} GFLOP/s\n`,
    );
  });
  // The plotting library is large; nothing else needs it.
  const { growthPlot } = await import("./growth-plot.ts");
  const picture = await growthPlot(points);
  mkdirSync(dirname(out), { recursive: true });
  const lines = points.map((point) => `${JSON.stringify({ ...point, ...measured })}\n`);
  writeFileSync(out.replace(/\.svg$/, "") + ".jsonl", lines.join(""));
  writeFileSync(out, picture);
  process.stdout.write(`${out}\n`);
}
