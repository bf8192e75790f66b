import * as tf from "@tensorflow/tfjs-core";

/** Kernels that are constant almost everywhere, with the names of their inputs: their gradient is 0. */
const STEPS: Readonly<Record<string, readonly string[]>> = {
  [tf.ArgMax]: ["x"],
  [tf.ArgMin]: ["x"],
  [tf.Ceil]: ["x"],
  [tf.Equal]: ["a", "b"],
  [tf.Floor]: ["x"],
  [tf.FloorDiv]: ["a", "b"],
  [tf.Greater]: ["a", "b"],
  [tf.GreaterEqual]: ["a", "b"],
  [tf.IsFinite]: ["x"],
  [tf.IsInf]: ["x"],
  [tf.IsNan]: ["x"],
  [tf.Less]: ["a", "b"],
  [tf.LessEqual]: ["a", "b"],
  [tf.LogicalAnd]: ["a", "b"],
  [tf.LogicalNot]: ["x"],
  [tf.LogicalOr]: ["a", "b"],
  [tf.NotEqual]: ["a", "b"],
  [tf.OneHot]: ["indices"],
  [tf.OnesLike]: ["x"],
  [tf.Round]: ["x"],
  [tf.Sign]: ["x"],
  [tf.Step]: ["x"],
  [tf.ZerosLike]: ["x"],
};

/** Zero gradients: tfjs stops with an error where a comparison lies between x and y, even if nothing flows through it. */
export function zeroGradients(): tf.GradConfig[] {
  return Object.entries(STEPS).map(([kernelName, inputs]) => ({
    kernelName,
    inputsToSave: [...inputs],
    gradFunc: (_, saved) =>
      Object.fromEntries(inputs.map((name, i) => [name, () => tf.zeros(saved[i]!.shape)])),
  }));
}
