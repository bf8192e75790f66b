import {
  createNetwork,
  ensureGradients,
  foldIn,
  keyFromSeed,
  normalisePixels,
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
import { startBackend } from "./worker-backend.ts";
import type { Answer, Request } from "./training-messages.ts";

type TrainRequest = Extract<Request, { kind: "train" }>;

/** Accuracies on the way are measured at so many epochs. */
const CHECKS = 12;
const TEST_BATCH = 100;

interface Trained {
  readonly network: Network;
  readonly shape: ImageShape;
  readonly normalisation: Normalisation;
  readonly model: TrainedNetwork;
}
let trained: Trained | undefined;

const tell = (answer: Answer): void => self.postMessage(answer);

self.onmessage = ({ data }: MessageEvent<Request>): void => {
  const work = data.kind === "train" ? train(data) : Promise.resolve().then(() => ask(data.pixels));
  work.catch((error: unknown) =>
    tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
};

/** The same as an evaluation of the harness with this seed: same initial parameters, same order, same augmentation. */
async function train(request: TrainRequest): Promise<void> {
  const { shape, classes, mean, std, set, test, seed } = request;
  const backend = await startBackend(request.wasm, request.backend);
  ensureGradients();
  tell({ kind: "ready", backend });
  const normalisation: Normalisation = { kind: "mean-std", mean, std };
  const network = createNetwork(request.network, { inputShape: shape, classes: classes.length });
  const recipe = request.recipe as unknown as Recipe;
  const images = setImages({ ...set, shape, normalisation });
  const labels = setLabels({ ...set, classes });
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const every = Math.max(1, Math.round(recipe.epochs / CHECKS));
  const checked = { network, shape, normalisation, test };
  const model = await trainNetwork({
    network,
    data: { images, labels },
    recipe,
    key: foldIn(keyFromSeed(seed), "evaluation"),
    onEpoch({ epoch, epochs, loss }, theta) {
      const check = epoch % every === 0 && epoch < epochs;
      tell({
        kind: "epoch",
        epoch,
        epochs,
        loss,
        seconds: seconds(),
        ...(check ? { accuracy: accuracyOn(checked, theta, undefined) } : {}),
      });
    },
  });
  tf.dispose([images, labels]);
  trained = { network, shape, normalisation, model };
  const accuracy = accuracyOn(checked, model.theta, model.statistics);
  tell({ kind: "done", accuracy, tested: test.labels.length, seconds: seconds() });
}

type Checked = Pick<Trained, "network" | "shape" | "normalisation"> & { readonly test: TrainRequest["test"] };

/** Percent of the test images whose largest class score is that of their class. */
function accuracyOn(
  { network, shape, normalisation, test }: Checked,
  theta: tf.Tensor1D,
  statistics: TrainedNetwork["statistics"],
): number {
  if (network.usesBatchStatistics && statistics === undefined) return Number.NaN;
  const total = test.labels.length;
  const length = shape[0] * shape[1] * shape[2];
  let correct = 0;
  for (let first = 0; first < total; first += TEST_BATCH) {
    const pixels = test.pixels.subarray(first * length, (first + TEST_BATCH) * length);
    const answers = tf.tidy(() => {
      const images = normalisePixels(pixels, shape, normalisation);
      const { logits } = network.apply(theta, images, statistics === undefined ? {} : { statistics });
      return tf.argMax(logits, 1).dataSync();
    });
    answers.forEach((answer, row) => {
      if (answer === test.labels[first + row]) correct += 1;
    });
  }
  return (100 * correct) / total;
}

function ask(pixels: Uint8Array): void {
  if (trained === undefined) throw new Error("train a network first");
  const { network, shape, normalisation, model } = trained;
  const { theta, statistics } = model;
  const probabilities = tf.tidy(() => {
    const images = normalisePixels(pixels, shape, normalisation);
    const { logits } = network.apply(theta, images, statistics === undefined ? {} : { statistics });
    return tf.softmax(logits).dataSync();
  });
  tell({ kind: "answer", probabilities: Array.from(probabilities) });
}
