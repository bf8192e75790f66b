import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import type { Availability } from "./driver.ts";
import { engineInfo, useBackend } from "./engine.ts";
import { selfTest } from "./self-test.ts";
import { resolveSettings } from "./settings.ts";
import { explainLoadFailure, notInstalled, tensorflowDriver } from "./tensorflow-driver.ts";

const GPU = "@tensorflow/tfjs-node-gpu";
const SETTINGS = resolveSettings("auto", { threads: 2 }, {});

describe("why TensorFlow cannot be had", () => {
  test("not installed", () => {
    expect(notInstalled()).toEqual({
      available: false,
      reason: "neither @tensorflow/tfjs-node-gpu nor @tensorflow/tfjs-node is installed",
      fix: "run `npm install --ignore-scripts @tensorflow/tfjs-node-gpu` in the folder you work in, then `limbeck setup tensorflow`",
    });
  });

  test("installed, but its binding is missing", () => {
    const message =
      "The Node.js native addon module (tfjs_binding.node) can not be found at path: /x/tfjs_binding.node. \nPlease run command";
    expect(explainLoadFailure(GPU, new Error(message))).toEqual({
      available: false,
      reason:
        "@tensorflow/tfjs-node-gpu is installed but its binding is missing: its install script did not run or could not download TensorFlow",
      fix: "run `limbeck setup tensorflow`, which builds it against a TensorFlow of Python",
    });
  });

  test("installed, but its libraries do not load", () => {
    const message = "libcudart.so.11.0: cannot open shared object file: No such file or directory\nmore";
    expect(explainLoadFailure(GPU, new Error(message))).toEqual({
      available: false,
      reason:
        "@tensorflow/tfjs-node-gpu is installed but its binding does not load: libcudart.so.11.0: cannot open shared object file: No such file or directory",
      fix: "run `limbeck setup tensorflow`, which builds it against a TensorFlow of Python, or install the libraries it asks for",
    });
  });
});

describe("TensorFlow on this machine", () => {
  let found: Availability;
  beforeAll(async () => {
    await useBackend("cpu");
    found = await tensorflowDriver.probe(SETTINGS);
  });

  test("probing leaves the back end in force as it was", () => {
    expect(tf.getBackend()).toBe("cpu");
    expect(engineInfo().backend).toBe("cpu");
  });

  test("derivatives are those of plain JavaScript", async ({ skip }) => {
    if (!found.available) return skip(found.reason);
    expect(await selfTest("tensorflow", SETTINGS)).toMatchObject({ passed: true, failure: null });
  });

  test("it says what it runs on", async ({ skip }) => {
    if (!found.available) return skip(found.reason);
    const info = await useBackend("tensorflow", { threads: 2 });
    expect(tf.getBackend()).toBe("tensorflow");
    expect(info.version).toMatch(/^TensorFlow \d+\.\d+\.\d+ through @tensorflow\/tfjs-node/);
    expect(info.device.includes(" (CUDA")).toBe(found.accelerated);
    expect(info.threads).toBe(2);
  });
});
