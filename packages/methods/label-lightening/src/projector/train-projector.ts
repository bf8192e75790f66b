import { setImmediate } from "node:timers/promises";
import {
  adam,
  batchAugmentation,
  ensureGradients,
  foldIn,
  integers,
  oneHotLabels,
  RunError,
  scheduleFactor,
  trainingLoss,
  type ImageDataset,
  type Key,
  type OptimiserState,
  type RealImages,
  numbersOf,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Teacher } from "../teacher.ts";
import type { ProjectorConfig } from "./config.ts";
import type { Encoder, HeadWeights } from "./encoder.ts";
import { adapterLayout, chooseAdapters } from "./low-rank.ts";
import { encoderInput, type Projector } from "./projector.ts";

export interface TrainProjectorOptions {
  readonly encoder: Encoder;
  /** For images with the data set's normalisation. */
  readonly teacher: Teacher;
  readonly dataset: ImageDataset;
  readonly real: RealImages;
  /** The head's start, where it comes from texts; otherwise from class prototypes. */
  readonly textHead?: HeadWeights;
  readonly config: ProjectorConfig;
  readonly key: Key;
  readonly onStep?: (step: number, loss: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Trains adapters and head until the projector scores real images as the teacher does: `MSE(f(x), T(x)) + λ·CE(f(x), y)`, both scores less
 * their means. The encoder itself stays as it is.
 *
 * Differs: weights, rates and numbers of steps are unpublished; the defaults here are this suite's.
 *
 * @throws {RunError} if the loss is not finite.
 * @see HeLlO, "Heavy Labels Out! Dataset Distillation with Label Space Lightening" (ICCV 2025).
 */
export async function trainProjector(options: TrainProjectorOptions): Promise<Projector> {
  const { encoder, teacher, dataset, real, textHead, config, key, onStep, signal } = options;
  ensureGradients();
  const head = textHead ?? classPrototypes(options);
  const { network, theta } = encoder.withHead(head);
  const adapters = chooseAdapters(network, config);
  const layout = adapterLayout(network, adapters);
  const prepare = encoderInput(encoder, dataset.normalisation);
  const augment = batchAugmentation({ augmentation: config.augmentation });
  const optimiser = adam();
  const { statistics } = encoder;
  const applied = statistics === undefined ? {} : { statistics };
  let phi = layout.init(foldIn(key, "adapters"));
  let state: OptimiserState = optimiser.init(phi);
  try {
    for (let step = 0; step < config.steps; step++) {
      signal?.throwIfAborted();
      const own = foldIn(foldIn(key, "step"), step);
      const positions = integers(foldIn(own, "batch"), config.batchSize, 0, dataset.train.size);
      const learningRate = config.learningRate * scheduleFactor({ kind: "cosine" }, step, config.steps);
      const next = tf.tidy(() => {
        const labels = oneHotLabels(
          positions.map((position) => dataset.train.labels[position]!),
          dataset.classes.length,
        );
        const { images } = augment({ images: real.read(positions), labels }, own);
        const scores = teacher.scores(images);
        const input = prepare(images);
        const loss = (at: tf.Tensor): tf.Scalar => {
          const merged = layout.merge(theta, at as tf.Tensor1D);
          const { logits } = network.apply(merged, input, { ...applied, differentiate: "parameters" });
          return trainingLoss({ kind: "mse", classWeight: config.classWeight }, logits, labels, scores);
        };
        const { value, grad } = tf.valueAndGrad(loss)(phi);
        return { ...optimiser.update(phi, grad as tf.Tensor1D, state, learningRate), loss: value } as never;
      }) as unknown as { theta: tf.Tensor1D; state: OptimiserState; loss: tf.Scalar };
      tf.dispose([phi, state as tf.TensorContainer]);
      phi = next.theta;
      state = next.state;
      const [loss] = await next.loss.data();
      next.loss.dispose();
      if (!Number.isFinite(loss)) {
        throw new RunError(
          `projector on ${encoder.name}: the loss is ${loss} in step ${step + 1}; lower the learning rate (now ${config.learningRate})`,
        );
      }
      onStep?.(step + 1, loss!);
      await setImmediate();
    }
    const values = Float32Array.from(await phi.data());
    return { encoder, adapters, head, headFromText: textHead !== undefined, phi: values };
  } finally {
    tf.dispose([theta, phi, state as tf.TensorContainer]);
  }
}

/** Real images a class whose mean features make a prototype. */
const PROTOTYPE_IMAGES = 64;

/** The mean unit feature vector of each class as a unit column: nearest-prototype classification is the start. */
function classPrototypes({ encoder, dataset, real }: TrainProjectorOptions): HeadWeights {
  const classes = dataset.classes.length;
  const { features, statistics } = encoder;
  const weight = new Float32Array(features * classes);
  const { network, theta } = encoder.withHead({ classes, weight });
  const prepare = encoderInput(encoder, dataset.normalisation);
  for (let label = 0; label < classes; label++) {
    const prototype = numbersOf(() => {
      const images = prepare(real.read(real.ofClass(label).slice(0, PROTOTYPE_IMAGES)));
      const { embedding } = network.apply(theta, images, statistics === undefined ? {} : { statistics });
      const mean = tf.mean(unit(embedding), 0, true);
      return unit(mean as tf.Tensor2D);
    });
    for (let d = 0; d < features; d++) weight[d * classes + label] = prototype[d]!;
  }
  theta.dispose();
  return { classes, weight };
}

function unit(rows: tf.Tensor2D): tf.Tensor2D {
  return tf.div(rows, tf.add(tf.norm(rows, 2, 1, true), 1e-12));
}
