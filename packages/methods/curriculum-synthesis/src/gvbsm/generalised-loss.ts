import { constant, foldIn, softmaxCrossEntropy, uniform, type Key, type Teacher } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { momentsOf, norm } from "../shared/matching-loss.ts";
import type { ViewLoss } from "../shared/recover.ts";
import type { GvbsmConfig } from "./config.ts";
import { convolutionStatistics, statisticsVectors } from "./convolution-statistics.ts";
import { densityLoss } from "./density-loss.ts";

/** Vectors of statistics by name. */
export type NamedVectors = Readonly<Record<string, tf.Tensor1D>>;

interface GeneralisedLossOptions {
  readonly teacher: Teacher;
  /** What convolutions saw of the real images. */
  readonly real: NamedVectors;
  /** Statistics of real images of the batch's own classes, by the same names and those of the normalisations: half of the distance. */
  readonly ofClasses?: NamedVectors;
  /** Running statistics of the synthetic images under this teacher, those that there are yet. */
  readonly running: NamedVectors;
  readonly config: Pick<
    GvbsmConfig,
    "dropRate" | "momentum" | "firstLayerWeight" | "statisticsWeight" | "densityWeight" | "densityTemperature"
  >;
  readonly labels: readonly number[];
  /** Receives the running statistics after this step: new tensors, kept, which the caller owns. */
  readonly updated: Record<string, tf.Tensor1D>;
}

/** Layers of one kind by number, from names such as `convolution/3/mean`. */
function layerOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/"));
}

/** Which convolutions an iteration leaves out. */
export function droppedLayers(key: Key, layers: number, rate: number): ReadonlySet<string> {
  const draws = uniform(foldIn(key, "drop"), layers);
  return new Set(
    Array.from(draws, (u, l) => (u < rate ? `convolution/${l}` : "")).filter((name) => name !== ""),
  );
}

/**
 * Cross-entropy, the distances of all layers' statistics, and the densification of the images:
 *
 *     L = CE + α·( k₁·R₁ + Σ R_l ) + w·D       R = Σ ‖target − s̄‖₂ over the layer's statistics s
 *
 * Layers: the input of every batch normalisation (mean, variance; target its running statistics) and of every convolution (mean and
 * variance by channel and by patch; target those of real images), each convolution left out with a certain probability; R₁ is
 * the first convolution's, the images themselves. s̄ mixes the past in: its value is m·s̄_old + (1 − m)·s, its derivative that of s.
 *
 * Differs: s̄ begins with the first batch's statistics; in the published code it begins with zero, against its intention.
 */
export function generalisedLoss(options: GeneralisedLossOptions): ViewLoss<{ readonly logits: tf.Tensor2D }> {
  const { teacher, real, ofClasses, running, config, labels, updated } = options;
  const { network, theta, statistics } = teacher;
  return (view, rows, key) => {
    const output = network.apply(theta, view, {
      statistics,
      normalisationInputs: true,
      convolutionInputs: true,
      differentiate: "images",
    });
    const inputs = output.convolutionInputs!;
    const dropped = droppedLayers(key, inputs.length, config.dropRate);
    const found: Record<string, tf.Tensor1D> = statisticsVectors(inputs.map(convolutionStatistics));
    const targets: Record<string, tf.Tensor1D> = { ...real };
    momentsOf(output.normalisationInputs!).forEach(({ mean, variance }, l) => {
      found[`normalisation/${l}/mean`] = mean;
      found[`normalisation/${l}/variance`] = variance;
      targets[`normalisation/${l}/mean`] = statistics.mean[l]!;
      targets[`normalisation/${l}/variance`] = statistics.variance[l]!;
    });
    const distances: tf.Scalar[] = [];
    for (const [name, own] of Object.entries(found)) {
      const past = running[name];
      const isDropped = dropped.has(layerOf(name));
      // A layer that is left out keeps its past; without one it begins here.
      if (isDropped && past !== undefined) continue;
      const mixed = constant(() => mixedWith(past, own, config.momentum));
      updated[name] = tf.keep(mixed);
      if (isDropped) continue;
      const seen = tf.add(
        own,
        constant(() => tf.sub(mixed, own)),
      );
      const fromAll = norm(tf.sub(targets[name]!, seen));
      const far =
        ofClasses === undefined
          ? fromAll
          : (tf.mul(tf.add(fromAll, norm(tf.sub(ofClasses[name]!, seen))), 0.5) as tf.Scalar);
      distances.push(layerOf(name) === "convolution/0" ? tf.mul(far, config.firstLayerWeight) : far);
    }
    const crossEntropy = softmaxCrossEntropy(output.logits, rows);
    const distance = tf.addN(distances) as tf.Scalar;
    const parts: tf.Scalar[] = [crossEntropy, tf.mul(distance, config.statisticsWeight)];
    const terms: Record<string, tf.Scalar> = { crossEntropy, statistics: distance };
    if (config.densityWeight > 0) {
      const density = densityLoss(view, labels, config.densityTemperature);
      terms["density"] = density;
      parts.push(tf.mul(density, config.densityWeight));
    }
    return { loss: tf.addN(parts) as tf.Scalar, terms, logits: output.logits };
  };
}

function mixedWith(past: tf.Tensor1D | undefined, own: tf.Tensor1D, momentum: number): tf.Tensor1D {
  if (past === undefined) return tf.clone(own);
  return tf.add(tf.mul(past, momentum), tf.mul(own, 1 - momentum));
}
