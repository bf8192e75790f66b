import * as tf from "@tensorflow/tfjs-core";
import type { ForwardPass, NetworkPlan } from "./network-plan.ts";

/** Dense layer `[N, inputs]` → `[N, outputs]`: x · W + b, W `[inputs, outputs]`. */
export function linearLayer(
  plan: NetworkPlan,
  name: string,
  inputs: number,
  outputs: number,
): (pass: ForwardPass, x: tf.Tensor2D) => tf.Tensor2D {
  const weight = plan.weight<tf.Tensor2D>(`${name}/weight`, [inputs, outputs], inputs);
  const bias = plan.bias(`${name}/bias`, outputs, inputs);
  plan.multiplyAdds += inputs * outputs;
  plan.activationFloats += inputs;
  return (pass, x) => tf.add(tf.matMul(x, weight(pass)), bias(pass));
}

/** `[N, H, W, C]` → `[N, H·W·C]`, in this order (PyTorch's is C, H, W). */
export function flatten(x: tf.Tensor4D): tf.Tensor2D {
  const [n, h, w, c] = x.shape;
  return tf.reshape(x, [n, h * w * c]);
}
