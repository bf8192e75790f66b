import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import type { DistillationMethod } from "../method/method.ts";
import type { PreparedArrays } from "../method/prepared-part.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { memoryPartStore, type PartStore } from "../run/part-store.ts";
import { prepareContext } from "../run/prepare-parts.ts";
import { createRunContext } from "../run/run-context.ts";
import { toyDataset } from "../testing/toy-dataset.ts";
import { preparedTeacher, teacherParts, teacherSchema } from "./teacher.ts";
import { recipeSchema } from "./recipe.ts";
import { disposeTrained } from "./train-epochs.ts";
import { trainNetwork } from "./train-network.ts";

const dataset = toyDataset({ perClass: 8 });
const context = createRunContext(dataset, 0);
const teacher = teacherSchema.parse({
  network: "convnet1-w4-batch",
  epochs: 7,
  learningRate: 0.05,
  batchSize: 5,
  seed: 3,
});

/** A method that needs nothing but a teacher. */
const method = {
  id: "needs-teacher",
  prepare: () => teacherParts(context, "teacher", teacher),
} as unknown as DistillationMethod<z.ZodUnknown>;
const environment = { backend: "cpu", precision: "highest", threads: 1 };

beforeAll(() => tf.setBackend("cpu"));

function prepare(store: PartStore, partsToMake = Infinity): Promise<PreparedArrays> {
  let made = 0;
  const tell = (event: { state: string }): Promise<void> => {
    if (event.state === "made") made++;
    return Promise.resolve();
  };
  const options = { store, environment, tell, shouldStop: () => made >= partsToMake };
  return prepareContext(method, context, undefined, options).then((ready) => ready.prepared!("teacher"));
}

describe("a trained teacher", () => {
  it("goes on from its last snapshot after an interruption, to the bits of one training", async () => {
    const before = tf.memory().numTensors;
    const parts = teacherParts(context, "teacher", teacher);
    expect(parts.map(({ name }) => name)).toEqual([
      "teacher/epoch-2",
      "teacher/epoch-4",
      "teacher/epoch-6",
      "teacher",
    ]);
    const store = memoryPartStore();
    await expect(prepare(store, 2)).rejects.toThrow("interrupted while teacher/epoch-6 was being made");
    const stopped = await prepare(store);
    const network = context.network(teacher.network);
    const recipe = recipeSchema.parse({
      optimiser: "sgd",
      learningRate: 0.05,
      momentum: 0.9,
      weightDecay: 5e-4,
      epochs: 7,
      batchSize: 5,
      schedule: { kind: "cosine" },
      augmentation: "crop-flip",
    });
    const whole = await trainNetwork({
      network,
      data: { images: context.real, labels: dataset.train.labels },
      recipe,
      key: foldIn(keyFromSeed(3), "teacher"),
    });
    expect(stopped["theta"]!.data).toEqual(whole.theta.dataSync());
    expect(stopped["mean"]!.data).toEqual(whole.statistics!.mean[0]!.dataSync());
    expect(stopped["variance"]!.data).toEqual(whole.statistics!.variance[0]!.dataSync());
    expect(Object.keys(stopped)).toEqual(["theta", "mean", "variance"]);
    disposeTrained(whole);
    const ready = preparedTeacher({ ...context, prepared: () => stopped }, "teacher", teacher);
    expect(ready.statistics.mean).toHaveLength(1);
    tf.dispose([ready.theta, ...ready.statistics.mean, ...ready.statistics.variance]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("is another one with other epochs, seed or network, and the same one for the same", () => {
    const identity = (change: object) =>
      JSON.stringify(teacherParts(context, "teacher", { ...teacher, ...change }).at(-1)!.identity);
    const different = [{}, { epochs: 8 }, { seed: 4 }, { network: "convnet1-w8-batch" }, { weightDecay: 0 }];
    expect(new Set(different.map(identity)).size).toBe(5);
    expect(identity({})).toBe(identity({}));
  });

  it("is not trained in parts where the recipe averages parameters", async () => {
    const network = context.network(teacher.network);
    const recipe = recipeSchema.parse({ learningRate: 0.1, epochs: 2, averageDecay: 0.9 });
    const data = { images: context.real, labels: dataset.train.labels };
    await expect(trainNetwork({ network, data, recipe, key: keyFromSeed(0), until: 1 })).rejects.toThrow(
      "training convnet1-w4-batch: a recipe with averageDecay cannot be trained in parts; leave it out or train at once",
    );
  });
});
