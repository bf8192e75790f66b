import * as tf from "@tensorflow/tfjs-core";
import { classMeans, squaredMeanDistance } from "../shared/class-means.ts";
import { characteristicDistance, characteristicFunction } from "./characteristic-function.ts";
import type { NcfmConfig } from "./config.ts";
import { meanKernel, squaredMmd } from "./mmd.ts";

/** How far one class's synthetic features are from its real ones. */
export interface Discrepancy {
  /** What is needed of the real features `[n, D]` of a class; no derivative is taken in it. */
  summarise(real: tf.Tensor2D): readonly tf.Tensor[];
  /**
   * The distance, a scalar, differentiable in `synthetic` `[m, D]`; with it, parts to log by name.
   * @param summary Of the same class, by the same frequencies.
   */
  distance(
    summary: readonly tf.Tensor[],
    synthetic: tf.Tensor2D,
  ): { readonly distance: tf.Scalar; readonly parts: Readonly<Record<string, tf.Scalar>> };
}

/**
 * The discrepancy that a configuration names. All three see the same features.
 *
 * @param frequencies `[T, D]`, for `ncf`.
 */
export function discrepancyOf(config: NcfmConfig, frequencies: () => tf.Tensor2D): Discrepancy {
  const { discrepancy, bandwidths } = config;
  switch (discrepancy) {
    case "mean":
      return {
        summarise: (real) => [classMeans(real, 1)],
        distance: ([mean], synthetic) => ({
          distance: squaredMeanDistance(mean!, classMeans(synthetic, 1)),
          parts: {},
        }),
      };
    case "mmd":
      return {
        summarise: (real) => [tf.clone(real), meanKernel(real, real, bandwidths)],
        distance: ([real, kernel], synthetic) => ({
          distance: squaredMmd(real as tf.Tensor2D, kernel as tf.Scalar, synthetic, bandwidths),
          parts: {},
        }),
      };
    case "ncf": {
      const t = frequencies();
      const weights = { amplitude: config.amplitudeWeight, phase: config.phaseWeight };
      return {
        summarise(real) {
          const { re, im } = characteristicFunction(real, t, 1);
          return [re, im];
        },
        distance([re, im], synthetic) {
          const real = { re: re as tf.Tensor2D, im: im as tf.Tensor2D };
          const own = characteristicFunction(synthetic, t, 1);
          const { distance, amplitude, phase } = characteristicDistance(real, own, weights);
          return { distance, parts: { amplitude, phase } };
        },
      };
    }
  }
}
