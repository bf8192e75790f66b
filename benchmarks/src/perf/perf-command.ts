import { measureCeilings, type Ceilings } from "@limbeck/native";
import { engineInfo, peakResidentBytes } from "@limbeck/core";
import { Command, Option } from "commander";
import { wholeNumber } from "../command-line/option-parsers.ts";
import { startEngine, type EngineChoice } from "../command-line/start-engine.ts";
import { growthCommand } from "./growth-command.ts";
import { profileRun, profileText } from "./kernel-shares.ts";
import { medianSeconds, type Measurement } from "./measure.ts";
import { findTorch, measureOurs, measureTorch, type PeerResult } from "./peers/peer-process.ts";
import { perfTable, type PerfRow } from "./perf-table.ts";
import { workloadNamed, workloads } from "./workloads.ts";

interface PerfOptions extends EngineChoice {
  readonly runs: number;
  readonly json?: true;
  readonly vs?: "peers";
  readonly profile?: true;
}

/** `perf NAME|all [--vs peers]` and `perf growth`: the command behind `pnpm perf` and `limbeck perf`. */
export function perfCommand(): Command {
  return (
    new Command("perf")
      .description("time the fixed workloads")
      .argument("<name>", `${workloads.map(({ name }) => name).join(", ")} or all`)
      .option("--precision <name>", "highest, high or default")
      .option("--backend <name>", "auto, native, tensorflow, webgpu, wasm or cpu")
      .option("--threads <n>", "threads of the back end", wholeNumber(1))
      .option("--runs <n>", "timed runs after one warm-up; the median counts", wholeNumber(1), 5)
      .addOption(
        new Option("--vs <peers>", "also time PyTorch and tfjs WASM, and print a table").choices(["peers"]),
      )
      .option("--profile", "also say where the time of one run goes, kernel by kernel")
      .option("--json", "one JSON line per workload")
      .action(perf)
      // `perf growth --precision high`: the option is growth's.
      .enablePositionalOptions()
      .addCommand(growthCommand())
  );
}

async function perf(name: string, options: PerfOptions): Promise<void> {
  const names = name === "all" ? workloads.map((workload) => workload.name) : [workloadNamed(name).name];
  if (options.vs === undefined && names.length === 1) print(await measureHere(names[0]!, options), options);
  else if (options.vs === undefined) {
    for (const each of names) print(await measureOurs(each, childOptions(options)), options);
  } else await comparePeers(names, options);
}

/** One workload in this process: its peak resident memory is the workload's own. */
async function measureHere(name: string, options: PerfOptions): Promise<Measurement> {
  await startEngine(options);
  const workload = workloadNamed(name);
  const seconds = await medianSeconds(workload, options.runs);
  if (options.profile === true) {
    const profile = await profileRun(workload);
    if (options.json === true) process.stderr.write(`${JSON.stringify({ name, ...profile })}\n`);
    else process.stdout.write(`${name}\n${profileText(profile)}\n`);
  }
  const engine = engineInfo();
  return {
    name,
    seconds,
    peakBytes: peakResidentBytes(),
    backend: engine.backend,
    precision: engine.precision,
    threads: engine.threads,
  };
}

async function comparePeers(names: readonly string[], options: PerfOptions): Promise<void> {
  const torch = await findTorch();
  if ("unavailable" in torch) process.stderr.write(`perf: PyTorch left out: ${torch.unavailable}\n`);
  const ceilings = await ceilingsHere(options);
  const rows: PerfRow[] = [];
  for (const name of names) {
    const ours = await measureOurs(name, childOptions(options));
    const threads = options.threads ?? ("threads" in ours ? ours.threads : 1);
    const pytorch =
      "python" in torch
        ? await measureTorch(torch.python, name, threads, options.runs)
        : { name, unavailable: torch.unavailable };
    // Stock tfjs has no gradient of these blocks on WASM; core composes it from the kernels that stock tfjs has.
    const wasm = await measureOurs(name, childOptions({ ...options, backend: "wasm", runs: 1 }));
    for (const result of [ours, pytorch, wasm]) print(result, options);
    rows.push({ name, multiplyAdds: workloadNamed(name).multiplyAdds(), ours, peers: [pytorch, wasm] });
  }
  if (options.json === true) return;
  process.stdout.write(`\n${perfTable(rows, ["PyTorch eager", "tfjs WASM"], ceilings)}\n`);
}

/** The machine's measured limits, where the back end that would be used can measure them. */
async function ceilingsHere(options: PerfOptions): Promise<Ceilings | undefined> {
  await startEngine(options);
  return engineInfo().backend === "native" ? measureCeilings() : undefined;
}

function childOptions({ precision, backend, threads, runs, profile }: PerfOptions): string[] {
  const given = { precision, backend, threads, runs };
  const flags = profile === true ? ["--profile"] : [];
  return flags.concat(valueOptions(given));
}

function valueOptions(given: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(given).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}`, String(value)],
  );
}

function print(result: PeerResult, { json }: PerfOptions): void {
  if ("unavailable" in result) {
    process.stderr.write(`perf: ${result.name} could not be measured: ${result.unavailable}\n`);
    process.exitCode = 1;
  } else if (json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    const { name, seconds, peakBytes, backend, precision, threads } = result;
    const place = `${backend}, ${precision}, ${threads} threads`;
    process.stdout.write(
      `${name.padEnd(16)} ${seconds.toPrecision(3)} s, peak ${(peakBytes / 1e6).toFixed(0)} MB (${place})\n`,
    );
  }
}
