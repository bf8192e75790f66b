import { expect, test } from "vitest";
import { busyShare, watchLoad } from "./machine-load.ts";

const core = (busy: number, idle: number) => ({ times: { user: busy, nice: 0, sys: busy, idle, irq: 0 } });

test("the share of all cores that was busy between two readings", () => {
  const before = [core(100, 1000), core(500, 3000)];
  // One core busy for 60 of 100, the other for 20 of 100.
  expect(busyShare(before, [core(130, 1040), core(510, 3080)])).toBeCloseTo(0.4, 12);
  expect(busyShare(before, before)).toBe(0);
  // A core that is gone.
  expect(busyShare(before, [core(130, 1040)])).toBe(0);
});

test("a second of this machine", async () => {
  const load = watchLoad();
  try {
    expect(load.read()).toMatchObject({ samples: [] });
    await expect.poll(() => load.read().samples.length, { timeout: 5000 }).toBeGreaterThan(0);
    const { cores, memory, samples } = load.read();
    expect(cores).toBeGreaterThan(0);
    expect(samples[0]!.memory).toBeGreaterThan(0);
    expect(samples[0]!.memory).toBeLessThan(memory);
    expect(samples[0]!.processor).toBeGreaterThanOrEqual(0);
    expect(samples[0]!.processor).toBeLessThanOrEqual(1);
  } finally {
    load.stop();
  }
});
