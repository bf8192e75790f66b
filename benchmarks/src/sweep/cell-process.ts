import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { InterruptedError, RunError } from "@limbeck/core";
import type { Cell } from "./cell.ts";
import type { CellProgress, CellRunner } from "./cell-runner.ts";
import type { CellOutcome } from "./cell-store.ts";
import { deviceEnvironment, type DevicePool } from "./device-pool.ts";

/** Folders of a process that runs one cell. */
export interface CellPlaces {
  /** Of a folder store. */
  readonly store: string;
  readonly work: string;
  readonly prepared: string;
}

/** First message to the process, and later perhaps `stop`. */
export type ToCell =
  { readonly kind: "run"; readonly cell: Cell; readonly places: CellPlaces } | { readonly kind: "stop" };

/** What the process tells. */
export type FromCell =
  | ({ readonly kind: "progress" } & CellProgress)
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "done"; readonly outcome: CellOutcome }
  | { readonly kind: "interrupted" | "failed"; readonly message: string };

/**
 * Runs each cell in a process of its own, so that several work at a time and one that crashes takes nothing with it. Cells may name the
 * methods of this workspace and what `openDataset` opens. A process ends when the one that started it is gone.
 *
 * @param nodeArguments Options of node; default: those of this process.
 * @param devices Graphics cards: each process sees one of its own.
 *
 * Rejects as the runner of this process does, and with {@link RunError} where the process ended before its cell.
 */
export function createProcessRunner(
  places: CellPlaces,
  nodeArguments: readonly string[] = process.execArgv,
  devices?: DevicePool,
): CellRunner {
  return (cell, hooks = {}) =>
    new Promise((resolve, reject) => {
      const device = devices?.take();
      const child = startCell({ kind: "run", cell, places }, nodeArguments, device);
      const stop = (): void => say(child, { kind: "stop" });
      hooks.signal?.addEventListener("abort", stop);
      child.on("message", (message: FromCell) => {
        switch (message.kind) {
          case "progress":
            hooks.onProgress?.(message);
            break;
          case "note":
            hooks.onNote?.(message.text);
            break;
          case "done":
            resolve(message.outcome);
            break;
          case "interrupted":
            reject(new InterruptedError(message.message));
            break;
          case "failed":
            reject(new RunError(message.message));
        }
      });
      child.on("error", reject);
      child.on("exit", (code, signal) => {
        if (device !== undefined) devices?.give(device);
        hooks.signal?.removeEventListener("abort", stop);
        // Without effect where a message has settled it.
        reject(
          new RunError(
            `cell: its process ended with ${signal ?? `code ${String(code)}`} before the cell did; ` +
              "where memory is short, lower --jobs",
          ),
        );
      });
    });
}

function startCell(
  message: ToCell,
  nodeArguments: readonly string[],
  device: number | undefined,
): ChildProcess {
  const program = import.meta.url.endsWith(".ts") ? "./cell-process-main.ts" : "./cell-process-main.js";
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), {
    execArgv: [...nodeArguments],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    ...(device === undefined ? {} : { env: { ...process.env, ...deviceEnvironment(device, process.env) } }),
  });
  say(child, message);
  return child;
}

/** A process that is gone is told of by its exit. */
function say(child: ChildProcess, message: ToCell): void {
  child.send(message, () => undefined);
}
