import * as tf from "@tensorflow/tfjs-core";
import type { TfjsWebgpuBackend, WebgpuProgram } from "./tfjs-webgpu.ts";

/** Invocations of one workgroup: the most that every device has. */
export const WORKGROUP = 256;

/** One launch: flat float32 arrays in, one flat float32 array out. */
export interface Launch {
  /** What it computes, for messages and profiles. */
  readonly label: string;
  /** Arrays by their names in the code; every one is bound, at most seven. */
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  /** Whole numbers that the code reads as `uniforms.name`. */
  readonly uniforms: Readonly<Record<string, number>>;
  /** Shape of the result. */
  readonly shape: readonly number[];
  /** Workgroups; without it there is one invocation for each element of the result. */
  readonly workgroups?: number;
  /** WGSL declarations before `main`. */
  readonly declarations: string;
  /** WGSL statements of `main`, which is given `index : i32` among all invocations and writes `result`. */
  readonly body: string;
}

/** Runs one program on the WebGPU back end; the caller owns the result. Nothing is recorded for derivatives. */
export function runProgram(backend: tf.KernelBackend, launch: Launch): tf.Tensor {
  const { label, inputs, uniforms, shape, declarations, body } = launch;
  const names = Object.keys(inputs);
  const size = tf.util.sizeFromShape([...shape]);
  // An array that the code of this variant does not read would be missing from the layout, and the launch be refused.
  const touch = names.map((name) => `${name}[0]`).join(" + ");
  const program: WebgpuProgram = {
    label,
    outputShape: [size],
    variableNames: names,
    uniforms: Object.keys(uniforms).map((name) => `${name} : i32, `).join(""), // prettier-ignore
    workgroupSize: [WORKGROUP, 1, 1],
    dispatchLayout: { x: [0] },
    dispatch: [launch.workgroups ?? Math.ceil(size / WORKGROUP), 1, 1],
    shaderKey: label,
    size: true,
    getUserCode: () => `
${declarations}
fn main(index : i32) {
  if (uniforms.size < 0) { result[0] = f32(${touch}); }
${body}
}`,
  };
  const flat = names.map((name) => {
    const { dataId, shape, dtype } = inputs[name]!;
    return { dataId, shape: [tf.util.sizeFromShape(shape)], dtype };
  });
  const data = Object.values(uniforms).map((value) => ({ type: "int32" as const, data: [value] }));
  const output = (backend as TfjsWebgpuBackend).runWebGPUProgram(program, flat, "float32", data);
  return tf.engine().makeTensorFromTensorInfo({ ...output, shape: [...shape] });
}
