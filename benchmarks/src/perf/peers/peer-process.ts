import { execFile } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Measurement } from "../measure.ts";

const execFileAsync = promisify(execFile);
// Both hold from src/perf/peers and from dist/perf/peers.
const torchScript = fileURLToPath(new URL("../../../src/perf/peers/torch_workloads.py", import.meta.url));
const perfMain = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));

/** A workload measured in a process of its own, or why it could not be. */
export type PeerResult = Measurement | { readonly name: string; readonly unavailable: string };

/** Interpreters that may have PyTorch: `LIMBECK_PYTHON` alone if it is set, else those on the path and Debian's own. */
function pythons(): string[] {
  const chosen = process.env["LIMBECK_PYTHON"];
  return chosen ? [chosen] : ["python3", "/usr/bin/python3"];
}

/** The first interpreter that can import torch, or why there is none. */
export async function findTorch(): Promise<{ readonly python: string } | { readonly unavailable: string }> {
  const reasons: string[] = [];
  for (const python of pythons()) {
    try {
      await execFileAsync(python, ["-c", "import torch"]);
      return { python };
    } catch (error) {
      reasons.push(`${python}: ${lastLine(error)}`);
    }
  }
  return {
    unavailable: `no Python with torch (${reasons.join("; ")}); install python3-torch or set LIMBECK_PYTHON`,
  };
}

/** One workload in eager PyTorch. */
export async function measureTorch(
  python: string,
  name: string,
  threads: number,
  runs: number,
): Promise<PeerResult> {
  return measureProcess(name, python, [
    torchScript,
    name,
    "--threads",
    String(threads),
    "--runs",
    String(runs),
  ]);
}

/** One workload of ours in a fresh process, so that peak memory is its own. */
export async function measureOurs(name: string, options: readonly string[]): Promise<PeerResult> {
  return measureProcess(name, process.execPath, [...process.execArgv, perfMain, name, "--json", ...options]);
}

async function measureProcess(name: string, command: string, args: readonly string[]): Promise<PeerResult> {
  try {
    const { stdout } = await execFileAsync(command, args, { maxBuffer: 1 << 24 });
    return JSON.parse(stdout.trim().split("\n").at(-1)!) as Measurement;
  } catch (error) {
    return { name, unavailable: lastLine(error) };
  }
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (stderr?.trim() || message).split("\n").at(-1)!.trim();
}
