import * as tf from "@tensorflow/tfjs-core";
import { ensureKernels } from "./kernel-compositions.ts";
import { binaryGradients } from "./rules/binary.ts";
import { elementwiseGradients } from "./rules/elementwise.ts";
import { linearGradients } from "./rules/linear.ts";
import { poolingGradients } from "./rules/pooling.ts";
import { reductionGradients } from "./rules/reduction.ts";
import { resizeGradients } from "./rules/resize.ts";
import { shapeGradients } from "./rules/shape.ts";
import { zeroGradients } from "./rules/zero.ts";

let rules: readonly tf.GradConfig[] | undefined;

/**
 * Makes first and second derivatives of tfjs's operations work on the current back end. Idempotent and cheap; every function of
 * this package that differentiates calls it, and so should code that uses `tf.grad` before any of them.
 *
 * Why it is needed: under Node, `@tensorflow/tfjs-core` alone registers no gradient at all (only the `@tensorflow/tfjs`
 * bundle does), and of those in the bundle many cannot be differentiated again: `Conv2DBackpropFilter`, `AvgPoolGrad` and
 * `MaxPoolGrad` have none, comparisons stop the tape, and those that save their output (`Sigmoid`, `Exp`, `Softmax`, …)
 * lose the derivative through it without an error. The rules here are written in differentiable operations on the
 * inputs, and replace those of the bundle where both are loaded.
 */
export function ensureGradients(): void {
  rules ??= [
    ...binaryGradients(),
    ...elementwiseGradients(),
    ...linearGradients(),
    ...poolingGradients(),
    ...reductionGradients(),
    ...resizeGradients(),
    ...shapeGradients(),
    ...zeroGradients(),
  ];
  for (const rule of rules) {
    if (tf.getGradient(rule.kernelName) !== rule) tf.registerGradient(rule);
  }
  ensureKernels();
}

/** Names of the kernels that {@link ensureGradients} gives a gradient. */
export function differentiableKernels(): readonly string[] {
  ensureGradients();
  return rules!.map((rule) => rule.kernelName);
}
