import { describe, expect, it } from "vitest";
import { scheduleFactor, type Schedule } from "./schedule.ts";

const factors = (schedule: Schedule, times: readonly number[], total: number): number[] =>
  times.map((time) => scheduleFactor(schedule, time, total));

describe("scheduleFactor", () => {
  it("constant", () => expect(factors({ kind: "constant" }, [0, 5, 10], 10)).toEqual([1, 1, 1]));

  it("steps: the published drop after half; epoch 501 of a nominal 1000 is the last at the old rate", () => {
    const schedule = { kind: "steps", at: [502], factor: 0.1 } as const;
    expect(factors(schedule, [0, 501, 502, 1000], 1001)).toEqual([1, 1, 0.1, 0.1]);
  });

  it("steps: several", () => {
    const schedule = { kind: "steps", at: [2, 4], factor: 0.5 } as const;
    expect(factors(schedule, [1, 2, 3, 4, 5], 6)).toEqual([1, 0.5, 0.5, 0.25, 0.25]);
  });

  it("cosine: 1, ½ in the middle, 0 at the end; with smoothing 2 it ends at ½", () => {
    expect(factors({ kind: "cosine" }, [0, 50, 100], 100)).toEqual([
      1,
      expect.closeTo(0.5),
      expect.closeTo(0),
    ]);
    expect(scheduleFactor({ kind: "cosine", smoothing: 2 }, 100, 100)).toBeCloseTo(0.5, 12);
  });

  it("cosine with warm-up: rises in equal parts, then starts at 1", () => {
    const schedule = { kind: "cosine", warmup: 4 } as const;
    expect(factors(schedule, [0, 1, 3, 4, 54, 104], 104)).toEqual([
      expect.closeTo(0.2, 12),
      expect.closeTo(0.4, 12),
      expect.closeTo(0.8, 12),
      1,
      expect.closeTo(0.5, 12),
      expect.closeTo(0, 12),
    ]);
  });

  it("refuses times outside", () => {
    expect(() => scheduleFactor({ kind: "constant" }, 11, 10)).toThrow(
      "scheduleFactor: `time` must be from 0 to 10, got 11",
    );
  });
});
