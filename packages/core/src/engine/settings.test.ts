import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../errors.ts";
import { resolveSettings } from "./settings.ts";

describe("resolveSettings", () => {
  test("defaults: auto, highest, all cores", () => {
    expect(resolveSettings("auto", {}, {})).toEqual({
      backend: "auto",
      precision: "highest",
      threads: availableParallelism(),
    });
  });

  test("the environment fills in what was not asked for", () => {
    const environment = { LIMBECK_BACKEND: "wasm", LIMBECK_PRECISION: "high", LIMBECK_THREADS: "3" };
    expect(resolveSettings("auto", {}, environment)).toEqual({
      backend: "wasm",
      precision: "high",
      threads: 3,
    });
    expect(resolveSettings("cpu", { precision: "default", threads: 1 }, environment)).toEqual({
      backend: "cpu",
      precision: "default",
      threads: 1,
    });
  });

  test("an empty variable counts as unset", () => {
    const environment = { LIMBECK_BACKEND: "", LIMBECK_PRECISION: "", LIMBECK_THREADS: "" };
    expect(resolveSettings("auto", {}, environment)).toEqual(resolveSettings("auto", {}, {}));
  });

  test("device memory is bytes or a size with its unit; an option wins over the variable", () => {
    const from = (text: string) => resolveSettings("auto", {}, { LIMBECK_DEVICE_MEMORY: text }).deviceMemory;
    expect([from("8GiB"), from("7.5 GB"), from("512mib"), from("1000"), from("")]).toEqual([
      8 * 2 ** 30,
      7.5e9,
      512 * 2 ** 20,
      1000,
      undefined,
    ]);
    const both = resolveSettings("auto", { deviceMemory: 5 }, { LIMBECK_DEVICE_MEMORY: "8GiB" });
    expect(both.deviceMemory).toBe(5);
  });

  test("samples at once are a whole number; an option wins over the variable", () => {
    const from = (text: string) =>
      resolveSettings("auto", {}, { LIMBECK_SAMPLES_AT_ONCE: text }).samplesAtOnce;
    expect([from("64"), from("")]).toEqual([64, undefined]);
    const both = resolveSettings("auto", { samplesAtOnce: 5 }, { LIMBECK_SAMPLES_AT_ONCE: "64" });
    expect(both.samplesAtOnce).toBe(5);
  });

  test.each([
    [
      () => resolveSettings("auto", {}, { LIMBECK_SAMPLES_AT_ONCE: "few" }),
      'LIMBECK_SAMPLES_AT_ONCE: samples at once must be a whole number from 1 on, got "few"; leave it out for no bound',
    ],
    [
      () => resolveSettings("auto", { samplesAtOnce: 0.5 }, {}),
      "useBackend: samples at once must be a whole number from 1 on, got 0.5; leave it out for no bound",
    ],
    [
      () => resolveSettings("auto", {}, { LIMBECK_DEVICE_MEMORY: "much" }),
      'LIMBECK_DEVICE_MEMORY: device memory must be bytes or a size such as 8GiB, got "much"',
    ],
    [
      () => resolveSettings("auto", { deviceMemory: 0 }, {}),
      "useBackend: device memory must be bytes or a size such as 8GiB, got 0",
    ],
    [
      () => resolveSettings("cuda", {}, {}),
      'useBackend: unknown back end "cuda"; known: auto, cpu, native, tensorflow, wasm, webgpu',
    ],
    [
      () => resolveSettings("native,webgpu", {}, {}),
      "useBackend: wanted one back end, got native and webgpu; a process computes on one: start one for each",
    ],
    [
      () => resolveSettings("auto", {}, { LIMBECK_BACKEND: "gpu" }),
      'LIMBECK_BACKEND: unknown back end "gpu"; known: auto, cpu, native, tensorflow, wasm, webgpu',
    ],
    [
      () => resolveSettings("auto", { precision: "double" }, {}),
      'useBackend: unknown precision "double"; known: highest, high, default',
    ],
    [
      () => resolveSettings("auto", {}, { LIMBECK_PRECISION: "low" }),
      'LIMBECK_PRECISION: unknown precision "low"; known: highest, high, default',
    ],
    [
      () => resolveSettings("auto", { threads: 0 }, {}),
      "useBackend: threads must be a whole number from 1 to 256, got 0",
    ],
    [
      () => resolveSettings("auto", {}, { LIMBECK_THREADS: "two" }),
      'LIMBECK_THREADS: threads must be a whole number from 1 to 256, got "two"',
    ],
  ])("%#: names what is wrong", (resolve, message) => {
    expect(resolve).toThrow(ConfigError);
    expect(resolve).toThrow(message);
  });
});
