/** The learning rate over a training run, as data. Times are in the caller's unit: epochs or steps, 0-based. */
export type Schedule =
  | { readonly kind: "constant" }
  | {
      readonly kind: "steps";
      /** Times from whose start on the rate is multiplied by `factor` once more, ascending. */
      readonly at: readonly number[];
      readonly factor: number;
    }
  | {
      /** `½(1 + cos(π·t / (smoothing·T)))`: to 0 at the end with smoothing 1, to half with 2. */
      readonly kind: "cosine";
      readonly smoothing?: number;
      /** Times of a linear rise before: 1/(w + 1) at time 0, full at time w, where the cosine starts. */
      readonly warmup?: number;
    };

/**
 * Factor on the learning rate at `time` of `total`.
 *
 * @throws {RangeError} if `time` is not in [0, `total`].
 */
export function scheduleFactor(schedule: Schedule, time: number, total: number): number {
  if (!(time >= 0 && time <= total)) {
    throw new RangeError(`scheduleFactor: \`time\` must be from 0 to ${total}, got ${time}`);
  }
  switch (schedule.kind) {
    case "constant":
      return 1;
    case "steps":
      return schedule.factor ** schedule.at.filter((start) => time >= start).length;
    case "cosine": {
      const { smoothing = 1, warmup = 0 } = schedule;
      if (time < warmup) return (time + 1) / (warmup + 1);
      const part = total > warmup ? (time - warmup) / (total - warmup) : 0;
      return 0.5 * (1 + Math.cos((Math.PI * part) / smoothing));
    }
  }
}
