import * as tf from "@tensorflow/tfjs-core";
import type { ImageDataset } from "../dataset/image-dataset.ts";
import { normalisationDigest } from "../dataset/normalisation-digest.ts";
import { numbersOf } from "../engine/numbers-of.ts";
import type { PreparedArrays, PreparedPart } from "../method/prepared-part.ts";
import type { Network } from "../nn/network.ts";
import type { PrepareOptions } from "../run/prepare-parts.ts";
import { weightTensors } from "./network-weights.ts";
import {
  disposeTrained,
  type TrainedParameters,
  type TrainingCourse,
  type TrainingSnapshot,
} from "./train-epochs.ts";

/** Snapshots of a training that are kept on its way, at most. */
const SNAPSHOTS = 4;

/** Where the parts of a training are kept, and who is told. */
export interface ResumableTrainingOptions extends Partial<Omit<PrepareOptions, "environment">> {
  /** Told after each epoch that is trained now. */
  readonly onEpoch?: TrainingCourse["onEpoch"];
}

export interface TrainingPartsOptions {
  /** Name of the last part, which is what was trained, within the run. */
  readonly part: string;
  /** Whose batch normalisation has running statistics. */
  readonly network: Network;
  /** Numbers that are trained: the network's own, and what is trained with them. */
  readonly parameterCount: number;
  readonly epochs: number;
  /** Everything that decides the training. */
  readonly identity: Readonly<Record<string, unknown>>;
  readonly multiplyAddsPerEpoch: number;
  /** Trains by SGD with momentum from a snapshot, or from the start, until some epochs are finished. */
  train(course: TrainingCourse): Promise<TrainedParameters>;
}

/**
 * A training as parts to prepare, the last of which is what was trained: arrays `theta` and, with batch normalisation, `mean` and
 * `variance`, the statistics of all layers one after the other. The parts before it are snapshots, with `velocity` beside them, from which
 * an interrupted training goes on to the same bits.
 */
export function trainingParts(options: TrainingPartsOptions): readonly [...PreparedPart[], PreparedPart] {
  const { part, network, parameterCount, epochs, identity, multiplyAddsPerEpoch, train } = options;
  const ends = cuts(epochs);
  const parts = ends.map((end, i): PreparedPart => {
    const isLast = i === ends.length - 1;
    const begin = i === 0 ? 0 : ends[i - 1]!;
    const before = i === 0 ? undefined : `${part}/epoch-${begin}`;
    return {
      name: isLast ? part : `${part}/epoch-${end}`,
      bytes: 4 * parameterCount * (isLast ? 1 : 2),
      identity: { ...identity, epoch: end },
      multiplyAdds: multiplyAddsPerEpoch * (end - begin),
      async make(signal, prepared) {
        const from = before === undefined ? undefined : snapshotOf(network, begin, prepared(before));
        try {
          const trained = await train({ signal, until: end, ...(from === undefined ? {} : { from }) });
          try {
            return arraysOf(await trainedNumbers(trained));
          } finally {
            disposeTrained(trained);
          }
        } finally {
          if (from !== undefined) disposeTrained(from);
        }
      },
    };
  });
  return parts as [...PreparedPart[], PreparedPart];
}

/** Where a training of so many epochs is cut: its last entry is its end. */
function cuts(epochs: number): number[] {
  const length = Math.ceil(epochs / (SNAPSHOTS + 1));
  return Array.from({ length: Math.ceil(epochs / length) }, (_, i) => Math.min(epochs, (i + 1) * length));
}

/** What is kept of a training: parameters, statistics where there are any yet, and the momentum where it goes on. */
async function trainedNumbers({
  theta,
  statistics,
  optimiser,
}: TrainedParameters): Promise<Record<string, Float32Array>> {
  const numbers = async (vector: tf.Tensor): Promise<Float32Array> => Float32Array.from(await vector.data());
  const flat = (vectors: readonly tf.Tensor1D[]): Float32Array => numbersOf(() => tf.concat([...vectors]));
  return {
    theta: await numbers(theta),
    ...(statistics && { mean: flat(statistics.mean), variance: flat(statistics.variance) }),
    ...(optimiser && { velocity: await numbers(optimiser["velocity"] as tf.Tensor) }),
  };
}

function snapshotOf(network: Network, epoch: number, arrays: PreparedArrays): TrainingSnapshot {
  const values = (name: string): Float32Array =>
    (arrays[name]?.data as Float32Array | undefined) ?? new Float32Array();
  const hasStatistics = arrays["mean"] !== undefined;
  const optimiser = { velocity: tf.tensor1d(values("velocity")) };
  if (!hasStatistics) return { epoch, theta: tf.tensor1d(values("theta")), optimiser };
  const weights = { theta: values("theta"), mean: values("mean"), variance: values("variance") };
  return { epoch, ...weightTensors(network, weights), optimiser };
}

/** Flat vectors as a part holds them. */
export function arraysOf(vectors: Readonly<Record<string, Float32Array>>): PreparedArrays {
  return Object.fromEntries(
    Object.entries(vectors).map(([name, data]) => [name, { shape: [data.length], data }]),
  );
}

/** What a data set contributes to the identity of a part that is trained on it. */
export function dataIdentity({ sha256, normalisation }: Pick<ImageDataset, "sha256" | "normalisation">) {
  return { dataset: { sha256, normalisation: normalisationDigest(normalisation) } };
}
