import * as tf from "@tensorflow/tfjs-core";
import { constant } from "../differentiable-op.ts";
import { expandTo } from "./sum-to.ts";

function reducedAxes(attribute: unknown, x: tf.Tensor): number[] {
  return tf.util.parseAxisParam(attribute as number | number[], x.shape);
}

/** `dy` of a reduction over `axes`, with those axes back at length 1. */
function keepDimensions(dy: tf.Tensor, x: tf.Tensor, axes: readonly number[]): tf.Tensor {
  return tf.reshape(
    dy,
    x.shape.map((length, axis) => (axes.includes(axis) ? 1 : length)),
  );
}

/** Share of each element in the extreme value of its set: 1 for a single extremum, equal shares among ties. */
function extremumShare(x: tf.Tensor, axes: number[], extreme: typeof tf.max): tf.Tensor {
  return constant(() => {
    const chosen = tf.cast(tf.equal(x, extreme(x, axes, true)), "float32");
    return tf.div(chosen, tf.sum(chosen, axes, true));
  });
}

function extremumGradient(kernelName: string, attribute: string, extreme: typeof tf.max): tf.GradConfig {
  return {
    kernelName,
    inputsToSave: ["x"],
    gradFunc: (dy, saved, attrs) => {
      const x = saved[0]!;
      const axes = reducedAxes(attrs[attribute], x);
      return { x: () => tf.mul(keepDimensions(dy as tf.Tensor, x, axes), extremumShare(x, axes, extreme)) };
    },
  };
}

/** Gradients of sums, means, extrema, running sums and soft-max. */
export function reductionGradients(): tf.GradConfig[] {
  return [
    {
      kernelName: tf.Sum,
      inputsToSave: ["x"],
      gradFunc: (dy, saved, attrs) => {
        const x = saved[0]!;
        return {
          x: () => expandTo(keepDimensions(dy as tf.Tensor, x, reducedAxes(attrs["axis"], x)), x.shape),
        };
      },
    },
    {
      kernelName: tf.Mean,
      inputsToSave: ["x"],
      gradFunc: (dy, saved, attrs) => {
        const x = saved[0]!;
        const count = x.size / (dy as tf.Tensor).size;
        return {
          x: () =>
            expandTo(
              tf.div(keepDimensions(dy as tf.Tensor, x, reducedAxes(attrs["axis"], x)), count),
              x.shape,
            ),
        };
      },
    },
    extremumGradient(tf.Max, "reductionIndices", tf.max),
    extremumGradient(tf.Min, "axis", tf.min),
    {
      kernelName: tf.Cumsum,
      inputsToSave: ["x"],
      gradFunc: (dy, _, attrs) => ({
        x: () =>
          tf.cumsum(
            dy as tf.Tensor,
            attrs["axis"] as number,
            attrs["exclusive"] as boolean,
            !(attrs["reverse"] as boolean),
          ),
      }),
    },
    {
      kernelName: tf.Softmax,
      inputsToSave: ["logits"],
      gradFunc: (dy, saved, attrs) => ({
        logits: () => {
          const y = tf.softmax(saved[0]!, attrs["dim"] as number);
          const weighted = tf.mul(dy as tf.Tensor, y);
          return tf.sub(weighted, tf.mul(y, tf.sum(weighted, attrs["dim"] as number, true)));
        },
      }),
    },
  ];
}
