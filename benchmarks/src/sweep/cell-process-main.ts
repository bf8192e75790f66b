import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InterruptedError, LimbeckError, lockRunFolder } from "@limbeck/core";
import { openDataset } from "@limbeck/datasets";
import { mkdirSync } from "node:fs";
import { methods } from "../methods.gen.ts";
import { cellId } from "./cell.ts";
import type { FromCell, ToCell } from "./cell-process.ts";
import { createCellRunner } from "./cell-runner.ts";
import { folderCellStore } from "./cell-store.ts";

/** Runs the cell of the first message; see `createProcessRunner`. */

/** Seconds in which the process of a sweep that was killed ends its step. */
const PATIENCE = 60;
/** Messages of progress a second, at most. */
const MESSAGES = 5;

const stop = new AbortController();
process.on("disconnect", () => process.exit(1));
process.on("SIGINT", () => undefined);
process.on("message", (message: ToCell) => {
  if (message.kind === "stop") stop.abort();
  else void run(message);
});

async function run({ cell, places }: Extract<ToCell, { kind: "run" }>): Promise<void> {
  let told = -Infinity;
  try {
    await waitForFolder(join(places.work, cellId(cell)));
    const store = folderCellStore(places.store);
    const runner = createCellRunner({
      catalogue: { methods, openDataset: (name) => openDataset(name) },
      ...places,
      store,
    });
    const outcome = await runner(cell, {
      signal: stop.signal,
      onNote: (text) => tell({ kind: "note", text }),
      onProgress(progress) {
        if (performance.now() - told < 1000 / MESSAGES) return;
        told = performance.now();
        tell({ kind: "progress", ...progress });
      },
    });
    end({ kind: "done", outcome });
  } catch (error) {
    const kind = error instanceof InterruptedError ? "interrupted" : "failed";
    const bug = error instanceof Error && !(error instanceof LimbeckError);
    end({ kind, message: bug ? (error.stack ?? error.message) : (error as Error).message });
  }
}

/** Waits until no process of an earlier sweep works in the folder any more. */
async function waitForFolder(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (let second = 0; ; second++) {
    try {
      (await lockRunFolder(folder))();
      return;
    } catch (error) {
      if (second === PATIENCE) throw error;
      await sleep(1000);
    }
  }
}

function tell(message: FromCell): void {
  process.send?.(message);
}

function end(message: FromCell): void {
  process.send?.(message, () => process.exit(0));
}
