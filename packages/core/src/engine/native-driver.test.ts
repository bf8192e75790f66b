import { precision, threadCount } from "@limbeck/native";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import type { Availability } from "./driver.ts";
import { useBackend } from "./engine.ts";
import { liveBytes, peakBytes, resetPeakBytes } from "./memory.ts";
import { nativeDriver } from "./native-driver.ts";
import { selfTest } from "./self-test.ts";
import { resolveSettings } from "./settings.ts";

const SETTINGS = resolveSettings("auto", {}, {});
let found: Availability;
beforeAll(async () => {
  found = await nativeDriver.probe(SETTINGS);
});

test("derivatives are those of plain JavaScript, under the fused block's kernels", async ({ skip }) => {
  if (!found.available) return skip(found.reason);
  expect(await selfTest("native", SETTINGS)).toMatchObject({ passed: true, failure: null });
});

test("threads and precision reach the back end, and are changed by a second call", async ({ skip }) => {
  if (!found.available) return skip(found.reason);
  expect(await useBackend("native", { threads: 1, precision: "high" })).toMatchObject({
    backend: "native",
    threads: 1,
    precision: "high",
    arithmetic: "float32-winograd",
  });
  expect([threadCount(), precision()]).toEqual([1, "high"]);
  await useBackend("native", { threads: 2, precision: "highest" });
  expect([threadCount(), precision()]).toEqual([2, "highest"]);
});

test("its memory counts: tensors once, and what it keeps after they are gone", async ({ skip }) => {
  if (!found.available) return skip(found.reason);
  await useBackend("native");
  const bytes = 4 * 2 ** 20;
  resetPeakBytes();
  const start = liveBytes();
  const x = tf.fill([bytes / 4], 1);
  const y = tf.square(x);
  expect(liveBytes() - start).toBeGreaterThanOrEqual(2 * bytes);
  expect(liveBytes() - start).toBeLessThan(2.1 * bytes);
  expect(peakBytes() - start).toBeGreaterThanOrEqual(2 * bytes);
  expect(peakBytes() - start).toBeLessThan(2.1 * bytes);
  tf.dispose([x, y]);
});
