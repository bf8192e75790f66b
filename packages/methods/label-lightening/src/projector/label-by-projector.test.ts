import {
  createNetwork,
  disposeTrained,
  encodedLabelBytes,
  keyFromSeed,
  realImages,
  recipeSchema,
  setTrainingData,
  trainNetwork,
  useBackend,
  type SyntheticSet,
  type TrainedModel,
  type ViewScores,
} from "@limbeck/core";
import { toyDataset, toySet } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { labelModelOf } from "../label-model.ts";
import { networkTeacher, type Teacher } from "../teacher.ts";
import { zooEncoder } from "./encoder.ts";
import { labelByProjector } from "./label-by-projector.ts";

const dataset = toyDataset();
const normalisation = { kind: "mean-std", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
const { classes } = dataset;
let set: SyntheticSet;
let teacher: Teacher;
let encoder: TrainedModel;
const owned: tf.Tensor[] = [];

async function trainedOn(
  labels: (label: number) => number,
  name: string,
  seed: number,
): Promise<TrainedModel> {
  const network = createNetwork(name, { inputShape: [8, 8, 3], classes: 3 });
  const recipe = recipeSchema.parse({ optimiser: "adam", learningRate: 0.01, epochs: 15, batchSize: 12 });
  const trained = await trainNetwork({
    network,
    data: { images: realImages(dataset), labels: dataset.train.labels.map(labels) },
    recipe,
    key: keyFromSeed(seed),
  });
  const { theta, statistics } = trained;
  owned.push(theta, ...(statistics?.mean ?? []), ...(statistics?.variance ?? []));
  return { network, theta, ...(statistics === undefined ? {} : { statistics }), classes, normalisation };
}

beforeAll(async () => {
  await useBackend("native");
  // Images that the projector has not seen.
  const { test: unseen } = dataset;
  const positions = Array.from({ length: unseen.size }, (_, i) => i).sort(
    (a, b) => unseen.labels[a]! - unseen.labels[b]!,
  );
  const images = tf.tidy(() =>
    Float32Array.from(
      realImages({ ...dataset, train: unseen })
        .read(positions)
        .dataSync(),
    ),
  );
  set = { ...toySet({ classes, shape: [8, 8, 3], ipc: 4 }), images, normalisation };
  teacher = networkTeacher(await trainedOn((label) => label, "convnet2-w8", 1));
  // An encoder that was trained for another task, of other features.
  encoder = await trainedOn((label) => (label === 0 ? 0 : 1), "convnet2-w8-batch", 2);
});
afterAll(() => tf.dispose(owned));

const centred = (x: tf.Tensor2D): tf.Tensor2D => tf.sub(x, tf.mean(x, 1, true));
/** Mean squared difference of two models' centred scores on a set's images, over that of the teacher's own scores. */
function gapOf(labelled: SyntheticSet): number {
  const model = labelModelOf(labelled, encoder);
  const { data, dispose } = setTrainingData(labelled, model);
  const gap = tf.tidy(() => {
    const wanted = centred(teacher.scores(data.images));
    const got = (data.scores as ViewScores).of(0, data.images);
    return (
      tf.mean(tf.squaredDifference(got, wanted)).dataSync()[0]! / tf.mean(tf.square(wanted)).dataSync()[0]!
    );
  });
  dispose();
  model.dispose();
  return gap;
}
const config = {
  encoderRank: 2,
  headRank: 2,
  steps: 80,
  batchSize: 12,
  learningRate: 0.02,
  augmentation: "none",
};

test("a projector on another encoder learns to score as the teacher does, in few bytes, and comes back from its labels", async () => {
  const before = tf.memory().numTensors;
  const losses: number[] = [];
  const onStep = (_: number, __: number, loss: number) => losses.push(loss);
  const options = { teacher, encoder: zooEncoder(encoder), dataset, onStep };
  const labelled = await labelByProjector(set, { ...options, config });
  expect(losses.at(-1)!).toBeLessThan(0.2 * losses[0]!);
  if (labelled.labels.kind !== "projector") throw new Error(labelled.labels.kind);
  // Filters 27×8 and 72×8 of rank 2, head 32×3 of rank 2, its bias, and the head's start, two bytes each.
  const numbers = 2 * (27 + 8) + 2 * (72 + 8) + 2 * (32 + 3) + 3 + 32 * 3;
  expect(labelled.labels.projector.records.byteLength).toBe(2 * numbers);
  expect(encodedLabelBytes(labelled.labels)).toBeLessThan(2 * numbers + 1000);
  const gap = gapOf(labelled);
  const untaught = await labelByProjector(set, { ...options, config: { ...config, steps: 1 } });
  expect(gap).toBeLessThan(0.7 * gapOf(untaught));
  // Refined images: the two agree better on them, and the labels belong to them.
  const refined = await labelByProjector(set, {
    ...options,
    config: { ...config, refineSteps: 15, refineRate: 0.03 },
  });
  expect(gapOf(refined)).toBeLessThan(0.8 * gap);
  expect(() => setTrainingData({ ...refined, images: set.images })).toThrow("belong to images");
  expect(tf.memory().numTensors).toBe(before);
});

test("a student learns the classes from a projector's labels alone", async () => {
  const labelled = await labelByProjector(set, { teacher, encoder: zooEncoder(encoder), dataset, config });
  const model = labelModelOf(labelled, encoder);
  const { data, dispose } = setTrainingData(labelled, model);
  const student = createNetwork("convnet2-w8", { inputShape: [8, 8, 3], classes: 3 });
  const recipe = recipeSchema.parse({
    optimiser: "adam",
    learningRate: 0.01,
    epochs: 20,
    batchSize: 6,
    augmentation: "flip",
    mixing: { kind: "cutmix" },
    loss: { kind: "mse" },
  });
  const losses: number[] = [];
  const trained = await trainNetwork({
    network: student,
    data,
    recipe,
    key: keyFromSeed(3),
    onEpoch: ({ loss }) => losses.push(loss),
  });
  disposeTrained(trained);
  dispose();
  model.dispose();
  expect(losses.at(-1)!).toBeLessThan(0.5 * losses[0]!);
});

test("another encoder is refused", async () => {
  const labelled = await labelByProjector(set, {
    teacher,
    encoder: zooEncoder(encoder),
    dataset,
    config: { ...config, steps: 1 },
  });
  const other = { ...encoder, theta: tf.tidy(() => tf.add<tf.Tensor1D>(encoder.theta, 1e-3)) };
  owned.push(other.theta);
  const hash = (model: TrainedModel) => zooEncoder(model).sha256.slice(0, 12);
  expect(() => labelModelOf(labelled, other)).toThrow(
    `projector: its encoder is convnet2-w8-batch ${hash(encoder)}, got convnet2-w8-batch ${hash(other)}; give that encoder, or label the set again`,
  );
  // The head of the encoder's own training does not count.
  const headless = tf.tidy(() => {
    const tail = tf.ones([3 + 96]);
    return tf.concat([tf.slice(encoder.theta, 0, encoder.network.parameterCount - 99), tail]) as tf.Tensor1D;
  });
  owned.push(headless);
  expect(hash({ ...encoder, theta: headless })).toBe(hash(encoder));
});
