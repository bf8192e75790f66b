import type { SweepEvent } from "@limbeck/benchmarks";
import { MultiBar, type SingleBar } from "cli-progress";
import type { Output } from "./output.ts";
import { threeDigits } from "./units.ts";

/** Shows a sweep at work. */
export interface SweepProgress {
  tell(event: SweepEvent): void;
  /** Takes the display away; may be called twice. */
  stop(): void;
}

/** Seconds between two lines of one cell where no terminal is attached. */
const LINE_INTERVAL = 10;

/**
 * One bar for the sweep and one for each cell at work on stderr; without a terminal a line when a cell begins and ends, and every
 * ten seconds between.
 *
 * @param cells Cells in all.
 */
export function createSweepProgress(output: Output, cells: number): SweepProgress {
  if (output.quiet) return { tell() {}, stop() {} };
  return output.interactive ? bars(output, cells) : lines(output, cells);
}

function bars(output: Output, cells: number): SweepProgress {
  const display = new MultiBar({
    format: "{bar} {value}/{total} {title}{loss}",
    stream: process.stderr,
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
  });
  const all = display.create(cells, 0, { title: "cells", loss: "" });
  const atWork = new Map<string, SingleBar>();
  const end = (id: string): void => {
    const bar = atWork.get(id);
    if (bar !== undefined) display.remove(bar);
    atWork.delete(id);
    all.increment();
  };
  return {
    tell(event) {
      if (event.kind === "plan") all.update(event.found);
      else if (event.kind === "begin") {
        atWork.set(event.id, display.create(1, 0, { title: event.title, loss: "" }));
      } else if (event.kind === "progress") {
        const bar = atWork.get(event.id);
        bar?.setTotal(event.total);
        bar?.update(event.done, { title: event.title, loss: lossText(event.loss) });
      } else {
        if (event.kind !== "note") end(event.id);
        display.log(`${textOf(event, output)}\n`);
      }
    },
    stop: () => display.stop(),
  };
}

function lines(output: Output, cells: number): SweepProgress {
  let ended = 0;
  let printed = -Infinity;
  return {
    tell(event) {
      if (event.kind === "progress") {
        if (performance.now() - printed < LINE_INTERVAL * 1000) return;
        printed = performance.now();
        output.note(`${event.title} ${event.done}/${event.total}${lossText(event.loss)}`);
      } else if (event.kind === "plan") {
        ended = event.found;
        output.note(`${event.cells} cells, ${event.found} finished`);
      } else if (event.kind === "begin") printed = performance.now();
      else if (event.kind === "note") output.note(textOf(event, output));
      else output.note(`${++ended}/${cells} ${textOf(event, output)}`);
    },
    stop() {},
  };
}

function textOf(
  event: Extract<SweepEvent, { kind: "done" | "failed" | "note" }>,
  { colors }: Output,
): string {
  const { title } = event;
  switch (event.kind) {
    case "note":
      return `${title}: ${event.text}`;
    case "failed":
      return `${colors.red("failed")}${event.before ? " before (--retry-failed tries again)" : ""} ${title}: ${event.message}`;
    case "done":
      return event.outcome.kind === "set"
        ? `${title}: ${threeDigits(event.outcome.seconds)} s`
        : `${title}: ${event.outcome.record.accuracy.map(threeDigits).join(", ")} %`;
  }
}

function lossText(loss: number): string {
  return ` | loss ${loss.toPrecision(4)}`;
}
