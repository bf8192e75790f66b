import {
  createNetwork,
  disposeTrained,
  ensureGradients,
  foldIn,
  keyFromSeed,
  setImages,
  setLabels,
  trainNetwork,
  type ImageShape,
  type Network,
  type Normalisation,
  type Recipe,
  type TrainedNetwork,
} from "@limbeck/core/browser";
import * as tf from "@tensorflow/tfjs-core";
import { firstThatWorks } from "../src/first-that-works.ts";
import { backendCandidates } from "./worker-backend.ts";
import type { Answer, InputKind, Request } from "./training-messages.ts";

type TrainRequest = Extract<Request, { kind: "train" }>;

/** Accuracies on the way are measured at so many epochs. */
const CHECKS = 12;
const TEST_BATCH = 100;

interface Trained {
  readonly network: Network;
  readonly shape: ImageShape;
  readonly model: TrainedNetwork;
}
let trained: Trained | undefined;

const tell = (answer: Answer): void => self.postMessage(answer);

self.onmessage = ({ data }: MessageEvent<Request>): void => {
  const work = data.kind === "train" ? train(data) : ask(data.image);
  work.catch((error: unknown) =>
    tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
};

/** Trains on the first back end on which it goes through. */
async function train(request: TrainRequest): Promise<void> {
  const { wasm, backend } = request;
  await firstThatWorks(
    backendCandidates(wasm, backend),
    async ({ title }, passedOver) => {
      ensureGradients();
      tell({ kind: "ready", backend: title, passedOver });
      await trainOnce(request);
    },
    { even: backend !== "auto" },
  );
}

/** The same as an evaluation of the harness with this seed: same initial parameters, same order, same augmentation. */
async function trainOnce({
  shape,
  classes,
  input,
  set,
  test,
  seed,
  ...request
}: TrainRequest): Promise<void> {
  const network = createNetwork(request.network, { inputShape: shape, classes: classes.length });
  const recipe = request.recipe as unknown as Recipe;
  const images = setImages({ ...set, shape, normalisation: borderOf(input) });
  const labels = setLabels({ ...set, classes });
  const scores = set.scores && tf.tensor2d(set.scores.slice(), [labels.shape[0], classes.length]);
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const every = Math.max(1, Math.round(recipe.epochs / CHECKS));
  const checks: Promise<void>[] = [];
  try {
    const model = await trainNetwork({
      network,
      data: { images, labels, ...(scores === undefined ? {} : { scores }) },
      recipe,
      key: foldIn(keyFromSeed(seed), "evaluation"),
      onEpoch({ epoch, epochs, loss }, theta) {
        tell({ kind: "epoch", epoch, epochs, loss, seconds: seconds() });
        if (epoch % every !== 0 || epoch === epochs || network.usesBatchStatistics) return;
        const check = accuracyOn({ network, shape }, test, theta, undefined);
        checks.push(check.then((accuracy) => tell({ kind: "checked", epoch, accuracy })));
      },
    });
    await Promise.all(checks);
    const accuracy = await accuracyOn({ network, shape }, test, model.theta, model.statistics);
    if (trained !== undefined) disposeTrained(trained.model);
    trained = { network, shape, model };
    tell({ kind: "done", accuracy, tested: test.labels.length, seconds: seconds() });
  } finally {
    await Promise.allSettled(checks);
    tf.dispose([images, labels, ...(scores === undefined ? [] : [scores])]);
  }
}

/** What decoding a set needs of its normalisation: the value of its border, which with whitening is 0 whatever the matrices. */
function borderOf(input: InputKind): Normalisation {
  if (input.kind === "mean-std") return input;
  const none = new Float32Array(0);
  return { kind: "zca", mean: none, whiten: none, unwhiten: none };
}

/** Percent of the test images whose largest class score is that of their class. `theta` may go once the call has returned. */
async function accuracyOn(
  { network, shape }: Pick<Trained, "network" | "shape">,
  test: TrainRequest["test"],
  theta: tf.Tensor1D,
  statistics: TrainedNetwork["statistics"],
): Promise<number> {
  const total = test.labels.length;
  const length = shape[0] * shape[1] * shape[2];
  const answers = tf.tidy(() =>
    tf.concat(
      Array.from({ length: Math.ceil(total / TEST_BATCH) }, (_, batch) =>
        tf.tidy(() => {
          const first = batch * TEST_BATCH;
          // A copy: some back ends keep the array they are given.
          const images = test.images.slice(first * length, (first + TEST_BATCH) * length);
          const rows = tf.tensor4d(images, [images.length / length, ...shape]);
          const { logits } = network.apply(theta, rows, statistics === undefined ? {} : { statistics });
          return tf.argMax(logits, 1);
        }),
      ),
    ),
  );
  const found = await answers.data();
  answers.dispose();
  return (100 * test.labels.filter((label, i) => label === found[i]).length) / total;
}

async function ask(image: Float32Array): Promise<void> {
  if (trained === undefined) throw new Error("train a network first");
  const { network, shape, model } = trained;
  const { theta, statistics } = model;
  const probabilities = tf.tidy(() => {
    const rows = tf.tensor4d(image, [1, ...shape]);
    const { logits } = network.apply(theta, rows, statistics === undefined ? {} : { statistics });
    return tf.softmax(logits);
  });
  tell({ kind: "answer", probabilities: Array.from(await probabilities.data()) });
  probabilities.dispose();
}
