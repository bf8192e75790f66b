import { SingleBar } from "cli-progress";
import type { Output } from "./output.ts";
import { formatBytes, formatSeconds, threeDigits } from "./units.ts";

/** What a progress display shows after each step. */
export interface ProgressUpdate {
  /** Steps done so far. */
  readonly done: number;
  readonly loss?: number;
  /** Bytes of live tensors. */
  readonly bytes?: number;
}

export interface Progress {
  update(update: ProgressUpdate): void;
  /** Takes the display away; call it before anything else is printed. */
  stop(): void;
}

/** Seconds between two lines where no terminal is attached. */
const LINE_INTERVAL = 10;
/** The rate is taken over about this many recent seconds. */
const RATE_WINDOW = 10;

/**
 * A bar with rate, time left, loss and memory on stderr; without a terminal one line every ten seconds and at the end.
 *
 * @param title What is counted, such as `datadam`.
 * @param total Steps in all.
 * @param already Steps done before this process started; they do not count for the rate.
 */
export function createProgress(output: Output, title: string, total: number, already = 0): Progress {
  if (output.quiet) return { update() {}, stop() {} };
  const rate = createRate(already);
  return output.interactive ? bar(title, total, already, rate) : lines(output, title, total, rate);
}

function bar(title: string, total: number, already: number, rate: Rate): Progress {
  const display = new SingleBar({
    format: `${title} {bar} {percentage} % | {value}/{total} | {rate} | {left} left{loss}{memory}`,
    stream: process.stderr,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
    gracefulExit: false,
    etaBuffer: 2,
  });
  display.start(total, already, { rate: "–", left: "–", loss: "", memory: "" });
  return {
    update: (update) => display.update(update.done, describe(update, total, rate)),
    stop: () => display.stop(),
  };
}

function lines(output: Output, title: string, total: number, rate: Rate): Progress {
  let printed = performance.now() - (LINE_INTERVAL - 1) * 1000;
  const print = (update: ProgressUpdate): void => {
    const { rate: speed, left, loss, memory } = describe(update, total, rate);
    output.note(`${title} ${update.done}/${total} | ${speed} | ${left} left${loss}${memory}`);
    printed = performance.now();
  };
  return {
    update(update) {
      rate.add(update.done);
      if (update.done === total || performance.now() - printed >= LINE_INTERVAL * 1000) print(update);
    },
    stop() {},
  };
}

function describe({ done, loss, bytes }: ProgressUpdate, total: number, rate: Rate): Record<string, string> {
  rate.add(done);
  const speed = rate.perSecond();
  return {
    rate: speed >= 1 ? `${threeDigits(speed)}/s` : speed > 0 ? `${threeDigits(1 / speed)} s each` : "–",
    left: speed > 0 ? formatSeconds((total - done) / speed) : "–",
    loss: loss === undefined ? "" : ` | loss ${loss.toPrecision(4)}`,
    memory: bytes === undefined ? "" : ` | ${formatBytes(bytes)}`,
  };
}

interface Rate {
  add(done: number): void;
  perSecond(): number;
}

/** Steps a second over the recent past. */
function createRate(already: number): Rate {
  const points: { done: number; at: number }[] = [{ done: already, at: performance.now() }];
  return {
    add(done) {
      const at = performance.now();
      if (points.at(-1)!.done === done) return;
      points.push({ done, at });
      while (points.length > 2 && at - points[1]!.at > RATE_WINDOW * 1000) points.shift();
    },
    perSecond() {
      const [first, last] = [points[0]!, points.at(-1)!];
      return last.at > first.at ? (1000 * (last.done - first.done)) / (last.at - first.at) : 0;
    },
  };
}
