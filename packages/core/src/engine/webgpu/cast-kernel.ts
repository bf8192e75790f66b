import * as tf from "@tensorflow/tfjs-core";
import { runProgram } from "./run-program.ts";
import type { TfjsWebgpuBackend } from "./tfjs-webgpu.ts";

/**
 * tfjs's cast, with a real conversion of booleans and whole numbers to float32. tfjs 4.22 leaves the integers on the device and changes
 * the name of the type alone: programs that copy elements (transposition) are then refused, and reading gives integers.
 */
export function castKernel(own: tf.KernelFunc): tf.KernelFunc {
  return (params) => {
    const x = params.inputs["x"]!;
    const converts = params.attrs?.["dtype"] === "float32" && (x.dtype === "int32" || x.dtype === "bool");
    if (!converts || tf.util.sizeFromShape(x.shape) === 0) return own(params);
    const backend = params.backend as TfjsWebgpuBackend;
    const { values } = backend.tensorMap.get(x.dataId);
    if (values) return tf.engine().makeTensor(Float32Array.from(values), x.shape, "float32");
    return runProgram(backend, {
      label: "Cast",
      inputs: { x },
      uniforms: {},
      shape: x.shape,
      declarations: "",
      body: "  if (index < uniforms.size) { result[index] = f32(x[index]); }",
    });
  };
}
