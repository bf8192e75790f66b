import { expect, test } from "vitest";
import { checkSteps, gpuBackends } from "./gpu-check-steps.ts";
import { runCheckStep } from "./run-check-step.ts";

const card = { name: "tensorflow", available: true, accelerated: true };
const software = { name: "webgpu", available: true, accelerated: false };
const native = { name: "native", available: true, accelerated: false };

test("back ends on a card; without one only where it is wanted anyway", () => {
  expect(gpuBackends([card, software, native], true)).toEqual(["tensorflow"]);
  expect(gpuBackends([software, native], true)).toEqual(["webgpu"]);
  expect(gpuBackends([software, native], false)).toEqual([]);
});

test("every workload at every precision on every back end, PyTorch where it has CUDA, a whole run", () => {
  const plan = {
    limbeck: ["limbeck.js"],
    torchScript: "t.py",
    work: "/w",
    backends: ["tensorflow", "webgpu"],
  };
  const whole = checkSteps({ ...plan, torch: "python3", quick: false }).map(({ name }) => name);
  expect(whole).toHaveLength(1 + 2 * 3 * 7 + 7 + 2 * 2);
  expect(new Set(whole).size).toBe(whole.length);
  expect(whole).toContain("trajectory-step webgpu default");
  expect(
    checkSteps({ ...plan, backends: ["tensorflow"], torch: undefined, quick: true }).map(({ name }) => name),
  ).toEqual([
    "backends",
    "convolution tensorflow highest",
    "convolution-in-input tensorflow highest",
    "convolution-in-filter tensorflow highest",
    "datadam tensorflow",
    "evaluation tensorflow",
  ]);
});

test("a step's result and its failure", async () => {
  const node = (program: string) => ({ name: "n", program: process.execPath, args: ["-e", program] });
  expect(
    await runCheckStep(node('console.log("note"); console.log(JSON.stringify({ a: 1 }))')),
  ).toMatchObject({
    ok: true,
    result: { a: 1 },
    error: null,
  });
  expect(await runCheckStep(node('console.error("the reason"); process.exit(3)'))).toMatchObject({
    ok: false,
    result: null,
    error: "the reason",
  });
  expect(await runCheckStep({ name: "n", program: "/no/such/program", args: [] })).toMatchObject({
    ok: false,
  });
});
