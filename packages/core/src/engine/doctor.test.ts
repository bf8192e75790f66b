import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { BACKEND_NAMES } from "./backend-name.ts";
import { doctor } from "./doctor.ts";
import { useBackend } from "./engine.ts";
import { relativeError, selfTest } from "./self-test.ts";
import { resolveSettings } from "./settings.ts";

test("one report a back end: facts where it is there, reason and fix where not; nothing is switched", async () => {
  await useBackend("cpu");
  const tensors = tf.memory().numTensors;
  const reports = await doctor();
  expect(reports.map(({ name }) => name)).toEqual(BACKEND_NAMES);
  for (const { name, available, reason, fix, version, device, threads, precisions, isa } of reports) {
    const facts = [version, device, threads, precisions, isa];
    if (available) {
      expect([name, reason, fix, ...facts.map((fact) => fact !== null)]).toEqual([
        name,
        null,
        null,
        ...facts.map(() => true),
      ]);
    } else {
      expect([name, reason === "", fix === "", ...facts]).toEqual([
        name,
        false,
        false,
        ...facts.map(() => null),
      ]);
    }
  }
  expect(reports.find(({ name }) => name === "wasm")).toMatchObject({ available: true, isa: "simd128" });
  expect(tf.getBackend()).toBe("cpu");
  expect(tf.memory().numTensors).toBe(tensors);
});

test("the self-test passes on WASM against plain JavaScript and leaves no tensor", async () => {
  await useBackend("cpu");
  const tensors = tf.memory().numTensors;
  const report = await selfTest("wasm", resolveSettings("auto", {}, {}));
  expect(report).toMatchObject({ passed: true, failure: null });
  expect(report.firstDerivativeError).toBeGreaterThan(0);
  expect(report.gigaflops).toBeGreaterThan(1);
  expect(tf.memory().numTensors).toBe(tensors);
});

test("the error measure sees a wrong sign, a missing number and a NaN", () => {
  const truth = Float32Array.of(3, 4);
  expect(relativeError(Float32Array.of(3, 4), truth)).toBe(0);
  expect(relativeError(Float32Array.of(3, -4), truth)).toBeCloseTo(8 / 5, 12);
  expect(relativeError(Float32Array.of(3), truth)).toBeNaN();
  expect(relativeError(Float32Array.of(3, NaN), truth)).toBeNaN();
});
