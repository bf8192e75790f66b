import * as tf from "@tensorflow/tfjs-core";
import { CONV_BLOCK, CONV_BLOCK_GRAD, CONV_BLOCK_GRAD_GRAD, type ConvBlockAttrs } from "@limbeck/native";
import { describe, expect, test } from "vitest";
import { normal } from "../../random/draw.ts";
import { foldIn, keyFromSeed } from "../../random/key.ts";
import { startWebgpu } from "../../testing/start-webgpu.ts";
import { runProgram } from "./run-program.ts";
import type { TfjsWebgpuBackend } from "./tfjs-webgpu.ts";

const reason = await startWebgpu();

const INSTANCE: ConvBlockAttrs = {
  stride: 1,
  pad: 1,
  norm: "group",
  groups: 8,
  epsilon: 1e-5,
  activation: "relu",
  slope: 0,
  pool: "average",
  poolSize: 2,
  attentionPower: 0,
};

describe.skipIf(reason !== undefined)(`the fused block's launches (${reason ?? "found"})`, () => {
  const drawn = (name: string, shape: number[]): tf.Tensor =>
    tf.tensor(normal(foldIn(keyFromSeed(4), name), tf.util.sizeFromShape(shape)), shape);

  /** Labels of the block's own programs that `run` launches: how many tfjs takes for a convolution depends on its size. */
  function launches(run: () => unknown): string[] {
    const backend = tf.backend() as TfjsWebgpuBackend;
    const labels: string[] = [];
    const own = backend.runWebGPUProgram;
    backend.runWebGPUProgram = function (this: TfjsWebgpuBackend, ...args) {
      if (args[0].label?.startsWith("ConvBlock") === true) labels.push(args[0].label);
      return own.apply(this, args);
    };
    try {
      run();
    } finally {
      Reflect.deleteProperty(backend, "runWebGPUProgram");
    }
    return labels;
  }

  test("are few", () => {
    tf.tidy(() => {
      const parameters = { gamma: drawn("gamma", [8]), beta: drawn("beta", [8]), bias: drawn("bias", [8]) };
      const x = drawn("x", [4, 8, 8, 8]);
      const filter = drawn("filter", [3, 3, 8, 8]);
      const inputs = { x, filter, ...parameters };
      const dpooled = drawn("dpooled", [4, 4, 4, 8]);
      const run = (name: string, named: object, attrs: object): tf.Tensor[] =>
        tf.engine().runKernel(name, named as tf.NamedTensorMap, attrs as tf.NamedAttrMap);
      let saved: tf.Tensor | undefined;
      const forward = launches(() => (saved = run(CONV_BLOCK, inputs, INSTANCE)[2]!));
      expect(forward).toEqual(["ConvBlock statistics", "ConvBlock forward"]);
      const attrs = { ...INSTANCE, saved, wantImages: true, wantParameters: true };
      expect(launches(() => run(CONV_BLOCK_GRAD, { ...inputs, dpooled }, attrs))).toEqual([
        "ConvBlock statistics",
        "ConvBlock gradient sums",
        "ConvBlock gradient means",
        "ConvBlock gradient",
        "ConvBlock gamma gradient",
        "ConvBlock beta gradient",
      ]);
      const cotangents = { cx: drawn("cx", x.shape), cfilter: drawn("cfilter", filter.shape) };
      const second = launches(() => run(CONV_BLOCK_GRAD_GRAD, { ...inputs, dpooled, ...cotangents }, attrs));
      expect(second).toEqual([
        "ConvBlock statistics",
        "ConvBlock curvature sums",
        "ConvBlock curvature means",
        "ConvBlock pooled cotangent",
        "ConvBlock curvature",
        "ConvBlock gradient",
        "ConvBlock gamma curvature",
      ]);
    });
  });

  test("more workgroups than one direction takes are folded", () => {
    tf.tidy(() => {
      const count = 65536 + 3;
      const result = runProgram(tf.backend(), {
        label: "Folded",
        inputs: { x: drawn("x", [1]) },
        uniforms: { last: count - 1 },
        shape: [count],
        workgroups: count,
        declarations: "",
        body: `
  let group = index / 256;
  if (group <= uniforms.last && index % 256 == 0) { result[group] = f32(group) + 1f; }`,
      }).dataSync();
      expect(result.every((value, i) => value === i + 1)).toBe(true);
    });
  });
});
