import { spawn, execFile } from "node:child_process";
import { promisify } from "node:util";
import type { CheckStep } from "./gpu-check-steps.ts";

/** What became of a step. */
export interface StepOutcome {
  readonly name: string;
  readonly command: string;
  readonly ok: boolean;
  readonly seconds: number;
  /** Most memory in use on the card meanwhile, beyond what was in use before; null where `nvidia-smi` does not tell. */
  readonly peakDeviceBytes: number | null;
  /** The JSON it printed, or its text. */
  readonly result: unknown;
  /** Last lines of its standard error where it failed. */
  readonly error: string | null;
}

const POLL_MS = 500;
const NVIDIA_SMI = "nvidia-smi";
const run = promisify(execFile);

/** Runs a step in a process of its own. Never rejects: what fails is told. */
export async function runCheckStep({ name, program, args, text }: CheckStep): Promise<StepOutcome> {
  const command = [program, ...args].join(" ");
  const before = await deviceBytes();
  let peak = before;
  const poll = setInterval(() => {
    void deviceBytes().then((bytes) => {
      if (bytes !== null && bytes > (peak ?? 0)) peak = bytes;
    });
  }, POLL_MS);
  const begin = performance.now();
  const { code, stdout, stderr } = await collect(program, args);
  clearInterval(poll);
  const seconds = (performance.now() - begin) / 1000;
  const result = parse(stdout, text === true);
  const ok = code === 0 && result !== undefined;
  return {
    name,
    command,
    ok,
    seconds,
    peakDeviceBytes: peak === null || before === null ? null : peak - before,
    result: result ?? null,
    error: ok ? null : stderr.trim().split("\n").slice(-5).join("\n") || `ended with ${code}`,
  };
}

function collect(
  program: string,
  args: readonly string[],
): Promise<{ code: number | string; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (part: string) => (stdout += part));
    child.stderr.setEncoding("utf8").on("data", (part: string) => (stderr += part));
    child.on("error", (error) => resolve({ code: "ENOENT", stdout, stderr: error.message }));
    child.on("close", (code, signal) => resolve({ code: code ?? signal ?? "?", stdout, stderr }));
  });
}

function parse(stdout: string, text: boolean): unknown {
  if (text) return stdout.trim();
  try {
    return JSON.parse(stdout.trim().split("\n").at(-1)!) as unknown;
  } catch {
    return undefined;
  }
}

/** Bytes in use on all cards together. */
async function deviceBytes(): Promise<number | null> {
  try {
    const { stdout } = await run(NVIDIA_SMI, ["--query-gpu=memory.used", "--format=csv,noheader,nounits"]);
    return stdout.split("\n").reduce((sum, line) => sum + (Number(line) || 0) * 2 ** 20, 0);
  } catch {
    return null;
  }
}
