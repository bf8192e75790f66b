import { readFileSync } from "node:fs";
import { liveTensors, useBackend } from "@limbeck/core";
import { beforeAll, expect, test } from "vitest";
import { fixedDraws } from "./fixed-draws.ts";
import { differentWork } from "./measure.ts";
import { preparedRecovery, recoverStepOf, recoverSteps, type RecoverStepSizes } from "./recover-step.ts";

/** float32 against recorded float64, three iterations (measured: 1.1e-7). */
const F32_RTOL = 1e-6;

const recorded = JSON.parse(
  readFileSync(new URL("../../fixtures/pytorch/recover-step.json", import.meta.url), "utf8"),
) as (RecoverStepSizes & { readonly losses: readonly number[] })[];

beforeAll(() => useBackend("native", { threads: 1 }));

test("draws are a hash of index and stream, as the peer has it", () => {
  // From torch_recover.draws(4, 2).
  expect([...fixedDraws(4, 2)]).toEqual([
    0.7280757536645979, 0.5750675885938108, 0.018240238772705197, 0.06353293918073177,
  ]);
});

test.each(recorded)(
  "$network does the work of the PyTorch peer: the same losses",
  async ({ losses, ...sizes }) => {
    const before = liveTensors();
    const recovery = preparedRecovery(sizes);
    const found = await recovery.losses(losses.length);
    for (const [i, loss] of found.entries()) expect(Math.abs(loss / losses[i]! - 1)).toBeLessThan(F32_RTOL);
    // A unit begins anew each time.
    expect([await recovery.run(), await recovery.run()]).toEqual([found[0], found[0]]);
    recovery.dispose();
    expect(liveTensors()).toBe(before);
  },
);

test("work is three passes over the batch", () => {
  const work = (batch: number): number =>
    recoverStepOf({ network: "resnet20", side: 32, classes: 10, batch }).multiplyAdds();
  expect(work(7)).toBe(7 * work(1));
  expect(recoverSteps.map((each) => (each.multiplyAdds() / 3e8).toFixed(1))).toEqual(["555.4", "40.6"]);
});

test("a peer that comes to another result does other work", () => {
  const here = { name: "recover-step", seconds: 1, peakBytes: 1, precision: "high", threads: 1 };
  const ours = { ...here, backend: "native", result: 6.45 };
  expect(differentWork(ours, { ...here, backend: "pytorch", result: 6.46 })).toBeUndefined();
  expect(differentWork(ours, { ...here, backend: "pytorch" })).toBeUndefined();
  expect(differentWork(ours, { ...here, backend: "pytorch", result: 6.6 })).toBe(
    "recover-step: pytorch came to 6.60000, native to 6.45000: they do not do the same work",
  );
});
