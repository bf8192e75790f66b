import { spawn, type ChildProcess } from "node:child_process";
import { toyMethod } from "@limbeck/core/testing";
import type { Catalogue } from "../../sweep/cell-runner.ts";
import { toyCatalogue } from "../../sweep/toy-sweep.test-support.ts";
import { runCellWorker, type CellWorkerOptions, type WorkerEvent } from "../cell-worker.ts";
import { openCellStore } from "../open-cell-store.ts";

/** The toy method with steps that take some milliseconds more, and let nothing else run meanwhile, as real ones. */
function slowCatalogue(milliseconds: number): Catalogue {
  const never = new Int32Array(new SharedArrayBuffer(4));
  const step: typeof toyMethod.step = (...args) => {
    Atomics.wait(never, 0, 0, milliseconds);
    return toyMethod.step(...args);
  };
  return { ...toyCatalogue, methods: [{ ...toyMethod, step }] as unknown as Catalogue["methods"] };
}

export interface ToyWorkerOptions extends Pick<
  CellWorkerOptions,
  "queue" | "name" | "work" | "prepared" | "leaseSeconds" | "untilEmpty"
> {
  readonly place: string;
  readonly stepMilliseconds?: number;
}

/** Runs a worker of toy cells in this process. */
export async function runToyWorker({
  place,
  stepMilliseconds,
  ...options
}: ToyWorkerOptions & Pick<CellWorkerOptions, "onEvent" | "signal">): Promise<{
  done: number;
  failed: number;
}> {
  const catalogue = stepMilliseconds === undefined ? toyCatalogue : slowCatalogue(stepMilliseconds);
  return runCellWorker({ ...options, store: () => openCellStore(place), catalogue });
}

/** A worker in a process of its own. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly events: readonly WorkerEvent[];
  /** Resolves with the first event that fits. */
  sees(fits: (event: WorkerEvent) => boolean): Promise<WorkerEvent>;
}

/** Starts {@link runToyWorker} in a process of its own. */
export function startToyWorker(options: ToyWorkerOptions): WorkerProcess {
  const script = `
    import { runToyWorker } from ${JSON.stringify(import.meta.url)};
    const onEvent = (event) => console.log(JSON.stringify(event));
    const stop = new AbortController();
    process.on("SIGTERM", () => stop.abort());
    await runToyWorker({ ...${JSON.stringify(options)}, onEvent, signal: stop.signal });`;
  const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const events: WorkerEvent[] = [];
  const waiting = new Set<() => void>();
  let rest = "";
  child.stdout.on("data", (data: Buffer) => {
    const lines = (rest + data.toString()).split("\n");
    rest = lines.pop()!;
    for (const line of lines) events.push(JSON.parse(line) as WorkerEvent);
    for (const look of waiting) look();
  });
  const sees: WorkerProcess["sees"] = (fits) =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = events.find(fits);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { child, events, sees };
}
