import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, onTestFinished, vi } from "vitest";

const main = fileURLToPath(new URL("../packages/cli/src/main.ts", import.meta.url));
const tsx = import.meta.resolve("tsx");

// Each test starts several processes, each of seconds on a busy machine.
vi.setConfig({ testTimeout: 240_000 });
const living = new Set<ChildProcess>();
afterEach(() => {
  for (const child of living) child.kill("SIGKILL");
});

/** What a finished `limbeck` process left behind. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves once stderr or stdout holds `text`; rejects if the process ends first. */
  sees(text: string | RegExp): Promise<void>;
}

export interface LimbeckOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Largest file the process may write, in blocks of 512 bytes: a disk that takes no more. */
  readonly fileBlocks?: number;
}

/** Starts `limbeck` from source as a user would, in `cwd`. */
export function startLimbeck(args: readonly string[], options: LimbeckOptions = {}): Started {
  const { cwd, env, fileBlocks } = options;
  const node = [process.execPath, "--import", tsx, main, ...args];
  const limited =
    fileBlocks === undefined ? node : ["sh", "-c", `ulimit -f ${fileBlocks}; exec "$0" "$@"`, ...node];
  const child = spawn(limited[0]!, limited.slice(1), {
    cwd: cwd ?? tmpdir(),
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  living.add(child);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      living.delete(child);
      resolve({ code, signal, stdout, stderr });
    });
  });
  return {
    child,
    finished,
    async sees(text) {
      const there = (): boolean => {
        const all = stdout + stderr;
        return typeof text === "string" ? all.includes(text) : text.test(all);
      };
      await new Promise<void>((resolve, reject) => {
        const look = (): void => {
          if (there()) resolve();
        };
        child.stdout.on("data", look);
        child.stderr.on("data", look);
        child.once("close", () =>
          reject(new Error(`limbeck ended before it printed ${text}:\n${stdout}${stderr}`)),
        );
        look();
      });
    },
  };
}

/** Runs `limbeck` to its end. */
export function limbeck(args: readonly string[], options?: LimbeckOptions): Promise<Finished> {
  return startLimbeck(args, options).finished;
}

/** A fresh folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "limbeck-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
