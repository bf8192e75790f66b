import type { EvaluationProgress } from "./evaluate-set.ts";

let lastLine = 0;

/** Tells how far a long run is, on stderr: at most one line in ten seconds. */
export function say(text: string): void {
  if (performance.now() - lastLine < 10_000) return;
  lastLine = performance.now();
  process.stderr.write(`${text}\n`);
}

/** Where an evaluation stands, in words. */
export function told({ finished, networks, epoch, epochs, loss }: EvaluationProgress): string {
  return `network ${finished + 1} of ${networks}, epoch ${epoch} of ${epochs}, loss ${loss.toPrecision(3)}`;
}
