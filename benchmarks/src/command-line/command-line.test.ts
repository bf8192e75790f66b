import { BackendError, ConfigError, DataError, InterruptedError } from "@limbeck/core";
import { Command } from "commander";
import { expect, test } from "vitest";
import { mergeConfig, parseOverrides } from "./config-overrides.ts";
import { engineWords, withEngineOptions, type EngineChoice } from "./engine-options.ts";
import { describeFailure } from "./exit-code.ts";
import { oneBackend, seedList, stepList, wholeNumber } from "./option-parsers.ts";

test("dotted overrides become a tree of typed values", () => {
  expect(
    parseOverrides(["ipc=3", "augment.kind=none", "augment.ops=[a, b]", "real=true", "x=1e-3", "y=a=b"]),
  ).toEqual({
    ipc: 3,
    augment: { kind: "none", ops: ["a", "b"] },
    real: true,
    x: 1e-3,
    y: "a=b",
  });
  expect(() => parseOverrides(["ipc"])).toThrow('--set: wanted key=value, got "ipc"');
  expect(() => parseOverrides(["a..b=1"])).toThrow(ConfigError);
});

test("later configurations win key by key", () => {
  expect(mergeConfig({ a: 1, b: { c: 2, d: 3 }, e: [1] }, { b: { c: 4 }, e: [] })).toEqual({
    a: 1,
    b: { c: 4, d: 3 },
    e: [],
  });
});

test("the engine's options, and the words that give them again", () => {
  const parsed = (words: readonly string[]): EngineChoice =>
    withEngineOptions(new Command()).exitOverride().parse(words, { from: "user" }).opts();
  const choice = { backend: "wasm", precision: "high", threads: 2, samplesAtOnce: 64 } as const;
  expect(parsed(engineWords(choice))).toEqual(choice);
  expect(engineWords(parsed([]))).toEqual([]);
  expect(engineWords({ threads: 1 })).toEqual(["--threads", "1"]);
});

test("seeds, steps and whole numbers", () => {
  expect(seedList("0-2,7")).toEqual([0, 1, 2, 7]);
  expect(stepList("300,100,100")).toEqual([100, 300]);
  for (const bad of ["", "3-1", "a", "1,1", "-1"]) expect(() => seedList(bad), bad).toThrow();
  for (const bad of ["", "0", "1.5", "1e2", "-3", "9".repeat(20)])
    expect(() => wholeNumber(1)(bad), bad).toThrow();
});

test("one back end a process", () => {
  expect(oneBackend("native", undefined)).toBe("native");
  expect(oneBackend("native", "native")).toBe("native");
  expect(() => oneBackend("webgpu", "native")).toThrow(
    'asked for "native" before, now for "webgpu"; a process computes on one back end: start one for each.',
  );
});

test("exit codes", () => {
  expect(describeFailure(new ConfigError("x: y"))).toEqual({ code: 2, message: "x: y" });
  expect(describeFailure(new BackendError("no"))).toEqual({ code: 2, message: "no" });
  expect(describeFailure(new InterruptedError("stopped"))).toEqual({ code: 130, message: "stopped" });
  expect(describeFailure(new DataError("file"))).toEqual({ code: 1, message: "file" });
  expect(describeFailure(new TypeError("bug")).message).toContain("command-line.test.ts");
});
