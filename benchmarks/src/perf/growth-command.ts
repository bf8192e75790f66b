import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { engineInfo } from "@limbeck/core";
import { Command, Option } from "commander";
import { wholeNumber } from "../command-line/option-parsers.ts";
import { startEngine, withEngineOptions, type EngineChoice } from "../command-line/engine-options.ts";
import { circumstances } from "../command-line/circumstances.ts";
import { growthSeries, measureGrowth, recoverSeries, type GrowthPoint } from "./growth.ts";

const SERIES = { training: growthSeries, recover: recoverSeries } as const;

interface GrowthOptions extends EngineChoice {
  readonly runs: number;
  readonly of: keyof typeof SERIES;
  readonly out?: string;
}

const RECORDS = join(import.meta.dirname, "../../records");

/** `perf growth`: how time grows with every size, as JSON lines and as a picture. */
export function growthCommand(): Command {
  return withEngineOptions(new Command("growth"))
    .description("how time grows with batch, width, depth, image size and inner steps")
    .option("--runs <n>", "timed runs of each size after one warm-up; the median counts", wholeNumber(1), 5)
    .addOption(
      new Option("--of <what>", "training and trajectories, or recovery by image side and classes")
        .choices(Object.keys(SERIES))
        .default("training"),
    )
    .option(
      "--out <file>",
      "picture; the figures lie beside it as .jsonl (default: growth.svg or recover-growth.svg of the records)",
    )
    .action(growth);
}

async function growth({ runs, of, out: given, ...choice }: GrowthOptions): Promise<void> {
  const out = given ?? join(RECORDS, of === "training" ? "growth.svg" : `${of}-growth.svg`);
  await startEngine(choice);
  const measured = { runs, threads: engineInfo().threads, ...circumstances() };
  const tell = ({ workload, size, value, seconds, multiplyAdds, peakBytes = 0 }: GrowthPoint): void => {
    const rate = (2 * multiplyAdds) / seconds / 1e9;
    process.stdout.write(
      `${workload.padEnd(16)} ${size} ${value}: ${seconds.toPrecision(3)} s, ${rate.toFixed(0)} GFLOP/s, ${(peakBytes / 1e6).toFixed(0)} MB of tensors\n`,
    );
  };
  const points = await measureGrowth(runs, tell, SERIES[of]);
  // The plotting library is large; nothing else needs it.
  const { growthPlot } = await import("./growth-plot.ts");
  const picture = await growthPlot(points);
  mkdirSync(dirname(out), { recursive: true });
  const lines = points.map((point) => `${JSON.stringify({ ...point, ...measured })}\n`);
  writeFileSync(out.replace(/\.svg$/, "") + ".jsonl", lines.join(""));
  writeFileSync(out, picture);
  process.stdout.write(`${out}\n`);
}
