import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import type { Availability } from "./driver.ts";
import { useBackend } from "./engine.ts";
import { resolveSettings } from "./settings.ts";
import { tensorflowDriver } from "./tensorflow-driver.ts";

let found: Availability;
beforeAll(async () => {
  found = await tensorflowDriver.probe(resolveSettings("auto", { threads: 1 }, {}));
});

test("the step function is that of plain JavaScript, with any slope and any type", async ({ skip }) => {
  if (!found.available) return skip(found.reason);
  const values = [-2, -0, 0, 1e-30, 0.5, Infinity, -Infinity, NaN];
  const steps: number[][] = [];
  for (const backend of ["cpu", "tensorflow"]) {
    await useBackend(backend, { threads: 1 });
    const before = tf.memory().numTensors;
    const results = tf.tidy(() => [
      tf.step(tf.tensor1d(values)),
      tf.step(tf.tensor1d(values), 0.25),
      tf.step(tf.tensor1d([-3, 0, 3], "int32")),
    ]);
    steps.push(
      (await Promise.all(results.map((result) => result.data()))).flatMap((data) =>
        Array.from(data, (value) => value + 0),
      ),
    );
    tf.dispose(results);
    expect(tf.memory().numTensors).toBe(before);
  }
  expect(steps[0]!.slice(0, 8)).toEqual([0, 0, 0, 1, 1, 1, 0, NaN]);
  expect(steps[1]).toEqual(steps[0]);
});
