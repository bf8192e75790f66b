import { measureCeilings, type Ceilings } from "@limbeck/native";
import { engineInfo, peakResidentBytes } from "@limbeck/core";
import { Command, Option } from "commander";
import { wholeNumber } from "../command-line/option-parsers.ts";
import {
  engineWords,
  startEngine,
  withEngineOptions,
  type EngineChoice,
} from "../command-line/engine-options.ts";
import { backendsCommand } from "../backends/backends-command.ts";
import { growthCommand } from "./growth-command.ts";
import { profileRun, profileText } from "./kernel-shares.ts";
import { differentWork, medianTimes, type Measurement, type Workload } from "./measure.ts";
import { findTorch, measureOurs, measureTorch, type PeerResult } from "./peers/peer-process.ts";
import { perfTable, type PerfRow } from "./perf-table.ts";
import { workloadsNamed, workloadWords } from "./workloads.ts";

interface PerfOptions extends EngineChoice {
  readonly runs: number;
  readonly json?: true;
  readonly vs?: "peers" | "pytorch";
  readonly profile?: true;
}

/** `perf NAME|all [--vs peers]` and `perf growth`: the command behind `pnpm perf` and `limbeck perf`. */
export function perfCommand(): Command {
  return (
    withEngineOptions(new Command("perf"))
      .description("time the fixed workloads")
      .argument("<name>", workloadWords.join(", "))
      .option("--runs <n>", "timed runs after one warm-up; the median counts", wholeNumber(1), 5)
      .addOption(
        new Option("--vs <peers>", "also time PyTorch (`peers`: and tfjs WASM), and print a table").choices([
          "peers",
          "pytorch",
        ]),
      )
      .option("--profile", "also say where the time of one run goes, kernel by kernel")
      .option("--json", "one JSON line per workload")
      .action(perf)
      // `perf growth --precision high`: the option is growth's.
      .enablePositionalOptions()
      .addCommand(growthCommand())
      .addCommand(backendsCommand())
  );
}

async function perf(name: string, options: PerfOptions): Promise<void> {
  const chosen = workloadsNamed(name);
  if (options.vs === undefined && chosen.length === 1) print(await measureHere(chosen[0]!, options), options);
  else if (options.vs === undefined) {
    for (const each of chosen) print(await measureOurs(each.name, childOptions(options)), options);
  } else await comparePeers(chosen, options);
}

/** One workload in this process: its peak resident memory is the workload's own. */
async function measureHere(workload: Workload, options: PerfOptions): Promise<Measurement> {
  const { name } = workload;
  await startEngine(options);
  let result: number | undefined;
  const times = await medianTimes(workload, options.runs, (found) => {
    if (workload.isComparable === true) result = found;
  });
  if (options.profile === true) {
    const profile = await profileRun(workload);
    if (options.json === true) process.stderr.write(`${JSON.stringify({ name, ...profile })}\n`);
    else process.stdout.write(`${name}\n${profileText(profile)}\n`);
  }
  const engine = engineInfo();
  return {
    name,
    ...times,
    peakBytes: peakResidentBytes(),
    backend: engine.backend,
    precision: engine.precision,
    threads: engine.threads,
    ...(result === undefined ? {} : { result }),
  };
}

async function comparePeers(chosen: readonly Workload[], options: PerfOptions): Promise<void> {
  const withWasm = options.vs === "peers";
  const torch = await findTorch();
  if ("unavailable" in torch) process.stderr.write(`perf: PyTorch left out: ${torch.unavailable}\n`);
  const ceilings = await ceilingsHere(options);
  const rows: PerfRow[] = [];
  for (const workload of chosen) {
    const { name } = workload;
    const ours = await measureOurs(name, childOptions(options));
    const threads = options.threads ?? ("threads" in ours ? ours.threads : 1);
    const pytorch =
      "python" in torch
        ? await measureTorch(torch.python, name, threads, options.runs)
        : { name, unavailable: torch.unavailable };
    // Stock tfjs has no gradient of these blocks on WASM; core composes it from the kernels that stock tfjs has.
    const wasm =
      withWasm && (await measureOurs(name, childOptions({ ...options, backend: "wasm", runs: 1 })));
    const peers = wasm === false ? [pytorch] : [pytorch, wasm];
    for (const result of [ours, ...peers]) print(result, options);
    for (const peer of peers) {
      const wrong = "seconds" in ours && "seconds" in peer ? differentWork(ours, peer) : undefined;
      if (wrong === undefined) continue;
      process.stderr.write(`perf: ${wrong}\n`);
      process.exitCode = 1;
    }
    rows.push({ name, multiplyAdds: workload.multiplyAdds(), ours, peers });
  }
  if (options.json === true) return;
  process.stdout.write(
    `\n${perfTable(rows, ["PyTorch eager", ...(withWasm ? ["tfjs WASM"] : [])], ceilings)}\n`,
  );
}

/** The machine's measured limits, where the back end that would be used can measure them. */
async function ceilingsHere(options: PerfOptions): Promise<Ceilings | undefined> {
  await startEngine(options);
  return engineInfo().backend === "native" ? measureCeilings() : undefined;
}

function childOptions(options: PerfOptions): string[] {
  const { runs, profile } = options;
  return [...(profile === true ? ["--profile"] : []), ...engineWords(options), "--runs", String(runs)];
}

function print(result: PeerResult, { json }: PerfOptions): void {
  if ("unavailable" in result) {
    process.stderr.write(`perf: ${result.name} could not be measured: ${result.unavailable}\n`);
    process.exitCode = 1;
  } else if (json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    const { name, seconds, processorSeconds, peakBytes, backend, precision, threads } = result;
    const busy =
      processorSeconds === undefined ? "" : `, ${processorSeconds.toPrecision(3)} s of the processor`;
    const place = `${backend}, ${precision}, ${threads} threads`;
    process.stdout.write(
      `${name.padEnd(16)} ${seconds.toPrecision(3)} s${busy}, peak ${(peakBytes / 1e6).toFixed(0)} MB (${place})\n`,
    );
  }
}
