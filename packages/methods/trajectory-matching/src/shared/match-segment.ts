import {
  checkFactor,
  imagesPerStored,
  oneHotLabels,
  samplesTogether,
  type Forecast,
  type RunContext,
  type StepResult,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { expertSnapshot } from "../experts/expert-parts.ts";
import type { TrajectoryConfig } from "./config.ts";
import type { Segment } from "./segments.ts";
import { studentLoss, type StudentLossOptions } from "./student-loss.ts";
import { trajectoryGradient, type TrajectoryGradient } from "./trajectory-gradient.ts";
import { hardLabels, updatedState, type TrajectoryState } from "./trajectory-state.ts";

/** What a method changes of the common step. */
export interface MatchOptions {
  /** Label rows `[S, K]`; default one-hot. */
  readonly labels?: { readonly rows: tf.Tensor2D; readonly space: StudentLossOptions["labelSpace"] };
  /** The student's first parameters from the expert's; default those. It may keep or return its argument. */
  readonly perturb?: (theta: tf.Tensor1D) => tf.Tensor1D;
  /** Epochs after the start that are matched on the way, besides the last. Default none. */
  readonly intermediate?: readonly {
    readonly epochs: number;
    readonly step: number;
    readonly weight: number;
  }[];
  /** Factor of the student's loss. Default 1. */
  readonly factor?: number;
  /** Of the student's SGD. Default 0. */
  readonly momentum?: number;
}

/** The matching loss of one segment for the images as they stand, and its derivatives. The caller owns the tensors. */
export function matchSegment(
  context: RunContext,
  { images, stepSize }: Pick<TrajectoryState, "images" | "stepSize">,
  config: TrajectoryConfig,
  { expert, startEpoch, key }: Segment,
  options: MatchOptions = {},
): TrajectoryGradient {
  const { dataset } = context;
  const network = context.network(config.network);
  const { intermediate = [], perturb = (theta) => theta, momentum = 0 } = options;
  const last = { epochs: config.matchedEpochs, step: config.innerSteps, weight: 1 };
  let matched: TrajectoryGradient | undefined;
  const kept = tf.tidy(() => {
    const at = (epochs: number): tf.Tensor1D => expertSnapshot(context, config, expert, startEpoch + epochs);
    const labels = options.labels ?? {
      rows: oneHotLabels(hardLabels(dataset, config.ipc), network.classes),
      space: "probabilities",
    };
    const loss = studentLoss({
      network,
      dataset,
      config,
      size: images.shape[0],
      key,
      labelSpace: labels.space,
      ...(options.factor === undefined ? {} : { factor: options.factor }),
    });
    matched = trajectoryGradient(loss, {
      start: perturb(at(0)),
      waypoints: [...intermediate, last].map(({ epochs, step, weight }) => ({
        target: at(epochs),
        step,
        weight,
      })),
      images,
      labels: labels.rows,
      steps: config.innerSteps,
      stepSize,
      momentum,
      gradient: config.gradient,
    });
    return [matched.images, matched.labels];
  });
  return { ...matched!, images: kept[0] as tf.Tensor4D, labels: kept[1] as tf.Tensor2D };
}

/**
 * One update of images and step size towards a segment: the step of MTT, and of methods that change no more than
 * {@link MatchOptions}.
 *
 * Terms: `distance` to the target and `intermediate-k` to those on the way, relative to the start's; `startEpoch` of the segment;
 * `stepSize` of the student afterwards; `heldBack` 1 where a guard was at work.
 */
export function matchingStep(
  context: RunContext,
  state: TrajectoryState,
  config: TrajectoryConfig,
  segment: Segment,
  options: MatchOptions = {},
): StepResult<TrajectoryState> {
  const gradient = matchSegment(context, state, config, segment, options);
  gradient.labels.dispose();
  try {
    const next = updatedState(state, gradient, config);
    return { state: next, loss: gradient.loss, terms: termsOf(gradient, segment, next) };
  } finally {
    gradient.images.dispose();
  }
}

/** What is logged of a step, see {@link matchingStep}. */
export function termsOf(
  { distances }: Pick<TrajectoryGradient, "distances">,
  { startEpoch }: Segment,
  { stepSize, guarded }: Pick<TrajectoryState, "stepSize" | "guarded">,
): Readonly<Record<string, number>> {
  const onTheWay = distances.slice(0, -1).map((distance, k) => [`intermediate-${k + 1}`, distance] as const);
  return {
    distance: distances.at(-1)!,
    ...Object.fromEntries(onTheWay),
    startEpoch,
    stepSize,
    heldBack: guarded > 0 ? 1 : 0,
  };
}

/**
 * Cost of a step: N gradients and N second derivatives on a batch (3 and 9 forward passes), and the student's snapshots.
 *
 * @throws {ConfigError} if the network is unknown or the factor does not fit the images.
 */
export function trajectoryForecast(
  context: RunContext,
  config: TrajectoryConfig,
  labelFloats: "hard" | "soft" = "hard",
): Forecast {
  const { classes, shape } = context.dataset;
  checkFactor("config", config.factor, shape);
  const network = context.network(config.network);
  const pixels = shape[0] * shape[1] * shape[2];
  const stored = classes.length * config.ipc;
  const batch =
    (config.syntheticBatch === "full" ? stored : Math.min(stored, config.syntheticBatch)) *
    imagesPerStored(config);
  const vectors = config.innerSteps + 10;
  return {
    multiplyAddsPerStep: 12 * config.innerSteps * batch * network.multiplyAdds,
    peakBytes:
      4 *
      (4 * network.activationFloats * samplesTogether(network, batch) +
        vectors * network.parameterCount +
        (6 * stored + 4 * batch) * pixels),
    setBytes: stored * 4 * (pixels + (labelFloats === "soft" ? classes.length : 1)),
  };
}
