import { createNetwork, createRunContext, disposeState, resolveConfig, type Network } from "@limbeck/core";
import { sre2l, type RecoverState } from "@limbeck/curriculum-synthesis";
import * as tf from "@tensorflow/tfjs-core";
import { fixedDraws } from "./fixed-draws.ts";
import type { PreparedWorkload, Workload } from "./measure.ts";
import { randomDataset } from "./random-dataset.ts";

/** Sizes of a step of recovery. */
export interface RecoverStepSizes {
  /** Network of the zoo with batch normalisation: the teacher. */
  readonly network: string;
  /** Of the images. */
  readonly side: number;
  readonly classes: number;
  /** Images that are recovered together. */
  readonly batch: number;
}

/** Streams of {@link fixedDraws}; the peer has the same. */
const STREAM = { theta: 1, mean: 2, variance: 3, images: 4 } as const;

/**
 * One iteration of SRe2L on a batch as the method itself does it: cross-entropy and the distance of the statistics of every batch
 * normalisation, its gradient in the images, Adam and the clamp to valid pixels. Settings of the published CIFAR script; no crop and no shift,
 * which are drawn. Teacher and images are made of {@link fixedDraws}, so that the peer's losses are the same.
 */
export function recoverStepOf(sizes: RecoverStepSizes, name = "recover-step"): Workload {
  return {
    name,
    unit: `one iteration of sre2l on ${sizes.batch} images ${sizes.side}×${sizes.side}×3, ${sizes.classes} classes, ${sizes.network}`,
    multiplyAdds: () => 3 * sizes.batch * networkOf(sizes).multiplyAdds,
    isComparable: true,
    prepare: () => preparedRecovery(sizes),
  };
}

/**
 * Recovery of those sizes, ready to go.
 *
 * @returns `run` does the first step each time and gives its loss; `losses` goes on from step to step.
 */
export function preparedRecovery(
  sizes: RecoverStepSizes,
): PreparedWorkload & { losses(steps: number): Promise<number[]> } {
  const { network, side, classes, batch } = sizes;
  const dataset = randomDataset({ classes, perClass: 1, side });
  const weights = Object.entries(fixedWeights(networkOf(sizes))).map(
    ([part, data]) => [part, { data, shape: [data.length] }] as const,
  );
  const context = { ...createRunContext(dataset, 0), prepared: () => Object.fromEntries(weights) };
  const config = resolveConfig(sre2l, {
    config: {
      ipc: Math.ceil(batch / classes),
      batchSize: batch,
      iterations: 1000,
      teacher: { network },
      crop: "none",
      jitter: 0,
    },
  });
  // Normalised pixels reach from -2 to 2: mean 0.5, standard deviation 0.25.
  const pixels = fixedDraws(batch * side * side * 3, STREAM.images).map((u) => 4 * u - 2);
  const drawn = sre2l.init(context, config);
  drawn.images.dispose();
  const start: RecoverState = {
    ...drawn,
    images: tf.tensor4d(Float32Array.from(pixels), [batch, side, side, 3]),
  };
  return {
    async run() {
      const { state, loss } = sre2l.step(context, start, config, 0);
      await state.images.data();
      disposeState(state, start);
      return loss;
    },
    async losses(steps) {
      const found: number[] = [];
      let at = start;
      for (let step = 0; step < steps; step++) {
        const { state, loss } = sre2l.step(context, at, config, step);
        await state.images.data();
        if (at !== start) disposeState(at, state);
        at = state;
        found.push(loss);
      }
      if (at !== start) disposeState(at);
      return found;
    },
    dispose: () => disposeState(start),
  };
}

function networkOf({ network, side, classes }: RecoverStepSizes): Network {
  return createNetwork(network, { inputShape: [side, side, 3], classes });
}

/**
 * Filters and weights uniform as PyTorch begins with them, scales in [0.75, 1.25), shifts and means in [-0.25, 0.25), variances in
 * [0.5, 1.5).
 */
function fixedWeights({ parameterCount, parameters }: Network) {
  const theta = fixedDraws(parameterCount, STREAM.theta);
  let channels = 0;
  for (const { name, offset, size, init } of parameters) {
    if (name.endsWith("/gamma")) channels += size;
    for (let i = offset; i < offset + size; i++) {
      const u = theta[i]!;
      theta[i] = init.kind === "uniform" ? init.bound * (2 * u - 1) : init.value + (u - 0.5) / 2;
    }
  }
  return {
    theta: Float32Array.from(theta),
    mean: Float32Array.from(fixedDraws(channels, STREAM.mean), (u) => (u - 0.5) / 2),
    variance: Float32Array.from(fixedDraws(channels, STREAM.variance), (u) => 0.5 + u),
  };
}

const CIFAR = { side: 32, classes: 10, batch: 100 } as const;

/** ResNet-18 in its form for small images, and ResNet-20; seconds and one image's share are a hundred apart. */
export const recoverSteps: readonly Workload[] = [
  recoverStepOf({ ...CIFAR, network: "resnet18-batch" }),
  recoverStepOf({ ...CIFAR, network: "resnet20" }, "recover-step-resnet20"),
];
