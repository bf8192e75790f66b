import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  centreScores,
  createNetwork,
  decodeLabelRecords,
  disposeTrained,
  encodedLabelBytes,
  encodeLabels,
  keyFromSeed,
  plannedViews,
  recipeSchema,
  setTrainingData,
  trainNetwork,
  useBackend,
  type Recipe,
  type SyntheticSet,
  type TrainedModel,
  type ViewScores,
  openLabels,
  withStoredLabels,
} from "@limbeck/core";
import { toySet } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labelForms } from "./label-form.ts";
import { labelModelOf } from "./label-model.ts";
import { relabel, relabelToFile } from "./relabel.ts";
import { teacherAgreement } from "./teacher-agreement.ts";
import { meanTeacher, networkTeacher, type Teacher } from "./teacher.ts";

const set = toySet({ shape: [8, 8, 3], ipc: 3 });
const network = createNetwork("convnet1-w8", { inputShape: [8, 8, 3], classes: 3 });
const student = createNetwork("convnet2-w8", { inputShape: [8, 8, 3], classes: 3 });
const recipe = (changes: Partial<Recipe> = {}): Recipe =>
  recipeSchema.parse({
    optimiser: "adamw",
    learningRate: 1e-2,
    epochs: 4,
    batchSize: 4,
    augmentation: "crop-flip",
    mixing: { kind: "cutmix" },
    loss: { kind: "cross-entropy", temperature: 4, temperaturePower: 0 },
    ...changes,
  });

let teacher: Teacher;
const thetas: tf.Tensor1D[] = [];
function teacherOf(seed: number): Teacher {
  // Sharper than a fresh network: the labels must say something.
  const theta = tf.tidy(() => tf.mul<tf.Tensor1D>(network.init(keyFromSeed(seed)), 4));
  thetas.push(theta);
  return networkTeacher({ network, theta, classes: set.classes, normalisation: set.normalisation });
}
beforeAll(async () => {
  await useBackend("native");
  teacher = teacherOf(1);
});
afterAll(() => tf.dispose(thetas));

async function trained(data: ReturnType<typeof setTrainingData>["data"], by: Recipe): Promise<Float32Array> {
  const result = await trainNetwork({ network: student, data, recipe: by, key: keyFromSeed(7) });
  const theta = Float32Array.from(await result.theta.data());
  disposeTrained(result);
  return theta;
}
async function trainedOn(labelled: SyntheticSet, by: Recipe): Promise<Float32Array> {
  const { data, dispose } = setTrainingData(labelled);
  try {
    return await trained(data, by);
  } finally {
    dispose();
  }
}
const distance = (a: Float32Array, b: Float32Array): number =>
  Math.hypot(...a.map((value, i) => value - b[i]!)) / Math.hypot(...b);

describe("a student trained on replayed views", () => {
  test.each<[string, Partial<Recipe>]>([
    ["CutMix", {}],
    [
      "MixUp, resized crops",
      { augmentation: "resized-crop", mixing: { kind: "mixup", alpha: 0.8, probability: 1 } },
    ],
    [
      "one batch, no mixing, squared loss with classes",
      { batchSize: 9, mixing: undefined as never, loss: { kind: "mse", classWeight: 0.1 } },
    ],
  ])("is the one that the teacher itself taught, view by view: %s", async (_, changes) => {
    const { mixing, ...rest } = recipe(changes);
    const by: Recipe = mixing === undefined ? rest : { ...rest, mixing };
    const before = tf.memory().numTensors;
    const labelled = await relabel(set, { teacher, form: { kind: "views", codec: "float32" }, recipe: by });
    const replayed = await trainedOn(labelled, by);
    // The same views, scored as they come.
    const { data, dispose } = setTrainingData(labelled);
    const { plan, stored } = data.scores as ViewScores;
    const online: ViewScores = { plan: plan!, stored: stored!, of: (__, images) => teacher.scores(images) };
    const taught = await trained({ ...data, scores: online }, by);
    expect(distance(replayed, taught)).toBeLessThan(1e-5);
    // Labels of other views teach something else.
    const mixedUp = {
      ...online,
      of: (__: number, images: tf.Tensor4D) => tf.reverse(teacher.scores(images), 0),
    };
    expect(distance(await trained({ ...data, scores: mixedUp }, by), taught)).toBeGreaterThan(1e-3);
    dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test("forms with fewer bits stay near it, in the order of their error", async () => {
    // Adam's first steps follow signs only, which any error may turn.
    const by = recipe({ optimiser: "sgd", learningRate: 0.5 });
    const reference = await trainedOn(
      await relabel(set, { teacher, form: { kind: "views", codec: "float32" }, recipe: by }),
      by,
    );
    const errors: number[] = [];
    for (const codec of ["float16", "int8", "int4", "top1"]) {
      const labelled = await relabel(set, { teacher, form: { kind: "views", codec }, recipe: by });
      errors.push(distance(await trainedOn(labelled, by), reference));
    }
    expect(errors[0]).toBeLessThan(1e-2);
    expect(errors).toEqual([...errors].sort((a, b) => a - b));
  });

  test("any student's seed replays the same views; pruned ones are drawn by the student's seed", async () => {
    const by = recipe();
    const labelled = await relabel(set, { teacher, form: { kind: "views", keep: 0.5 }, recipe: by });
    expect(labelled.labels).toMatchObject({
      views: { header: { views: { stored: { count: 6, draw: "batches" } } } },
    });
    expect(await trainedOn(labelled, by)).toEqual(await trainedOn(labelled, by));
  });
});

test("stored labels are the teacher's centred scores of the views that the seed makes", async () => {
  const by = recipe({ augmentation: "none" });
  const { mixing: _mixing, ...unmixed } = by;
  const labelled = await relabel(set, {
    teacher,
    form: { kind: "views", codec: "float32" },
    recipe: unmixed,
    seed: 3,
  });
  if (labelled.labels.kind !== "views" || labelled.labels.views.header.views.kind !== "augmented")
    throw new Error();
  const { header, records } = labelled.labels.views;
  const { plan } = labelled.labels.views.header.views;
  const { chosen } = plannedViews(plan)(4);
  const wanted = tf.tidy(() => {
    const images = tf.gather(tf.tensor4d(set.images, [9, 8, 8, 3]), tf.tensor1d(chosen!.slice(), "int32"));
    return centreScores(Float32Array.from(teacher.scores(images).dataSync()), 3);
  });
  // Batch 1 of epoch 1: after the 9 labels of epoch 0 and 4 of its own.
  const got = decodeLabelRecords(header.codec, records.read(13 * 12, 4 * 12), 3);
  got.forEach((score, i) => expect(Math.abs(score - wanted[i]!)).toBeLessThan(1e-5));
});

test("bytes of the forms: 36 views of three classes", async () => {
  const records = async (form: keyof typeof labelForms): Promise<number> => {
    const { labels } = await relabel(set, { teacher, form: labelForms[form].form, recipe: recipe() });
    if (labels.kind === "views") return labels.views.records.byteLength;
    return labels.kind === "projector" ? labels.projector.records.byteLength : -1;
  };
  expect(await records("views")).toBe(36 * 6);
  expect(await records("views-int8")).toBe(36 * 7);
  expect(await records("lpld-x10")).toBe(4 * 6);
  expect(await records("infer")).toBe(9 * 6);
  expect(await records("online")).toBe(0);
});

test("one label an image: mixed as scores; several teachers: their mean", async () => {
  const both = meanTeacher([teacher, teacherOf(2)]);
  const labelled = await relabel(set, {
    teacher: both,
    form: { kind: "static", codec: "float32" },
    recipe: recipe(),
  });
  const { data, dispose } = setTrainingData(labelled);
  const wanted = tf.tidy(() => {
    const mean = tf.mean(tf.stack([teacher.scores(data.images), both.scores(data.images)]), 0);
    return tf.sub(tf.mul(2, mean), tf.mul(1, teacher.scores(data.images))).arraySync() as number[][];
  });
  const got = (data.scores as tf.Tensor2D).arraySync();
  got.forEach((row, n) => {
    const mean = wanted[n]!.reduce((a, b) => a + b) / 3;
    row.forEach((score, k) => expect(Math.abs(score - (wanted[n]![k]! - mean))).toBeLessThan(1e-4));
  });
  dispose();
  expect((await trainedOn(labelled, recipe({ batchSize: 5 }))).every(Number.isFinite)).toBe(true);
});

test("soft labels that are scores train as stored ones do: mixed as scores, softened at the recipe's temperature", async () => {
  const by = recipe({ optimiser: "sgd", learningRate: 0.5 });
  const form = { kind: "static", codec: "float32" } as const;
  const values = tf.tidy(() =>
    Float32Array.from(teacher.scores(tf.tensor4d(set.images, [9, 8, 8, 3])).dataSync()),
  );
  const soft: SyntheticSet = { ...set, labels: { kind: "soft", values, space: "logits" } };
  const wanted = await trainedOn(await relabel(set, { teacher, form, recipe: by }), by);
  expect(distance(await trainedOn(soft, by), wanted)).toBeLessThan(1e-5);
  const hard = await trainedOn(set, by);
  expect(distance(hard, wanted)).toBeGreaterThan(1e-3);
});

test("an online teacher: nothing stored but its hash; a training needs it", async () => {
  const labelled = await relabel(set, { teacher, form: { kind: "online" }, recipe: recipe() });
  expect(labelled.labels).toMatchObject({ projector: { header: { teacher: teacher.sha256 } } });
  expect(labelled.provenance.config).toEqual({
    ...set.provenance.config,
    labels: { form: { kind: "online" }, teacher: teacher.sha256, seed: 0 },
  });
  expect(labelled.labels.kind === "projector" && encodedLabelBytes(labelled.labels)).toBeLessThan(400);
  expect(() => setTrainingData(labelled)).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: labels of toy: they come from a model, a teacher or a projector's encoder, which is not there; give it (limbeck evaluate --teacher FILE)]`,
  );
});

test("the network of online labels is checked by hash; stored labels want none", async () => {
  const { classes } = set;
  const normalisation = { kind: "mean-std", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
  const model: TrainedModel = { network, theta: thetas[0]!, classes, normalisation };
  const labelled = await relabel(set, { teacher, form: { kind: "online" }, recipe: recipe() });
  const { data, dispose } = setTrainingData(labelled, labelModelOf(labelled, model));
  const scores = data.scores as ViewScores;
  tf.tidy(() => {
    const got = scores.of(0, data.images).arraySync();
    const wanted = teacher.scores(data.images).arraySync();
    got.forEach((row, n) => expect(row[0]! - row[1]!).toBeCloseTo(wanted[n]![0]! - wanted[n]![1]!, 4));
  });
  dispose();
  teacherOf(2);
  const other: TrainedModel = { ...model, theta: thetas.at(-1)! };
  expect(() => labelModelOf(labelled, other)).toThrow("give that teacher, or label the set again");
  expect(() => labelModelOf(set, model)).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: label model: the labels of the set are hard and need no network, got one; leave it out]`,
  );
});

test("teachers of other classes or another normalisation are refused, or converted for where asked", async () => {
  const label = (changes: Partial<Teacher>, renormalise = false): Promise<SyntheticSet> =>
    relabel(set, {
      teacher: { ...teacher, ...changes },
      form: { kind: "static", codec: "float32" },
      recipe: recipe(),
      renormalise,
    });
  await expect(label({ classes: ["cat", "fish", "dog"] })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: relabel: set and teacher must have the same classes in the same order, got class 1 is "dog" and "fish"; choose a teacher of these classes]`,
  );
  const normalisation = { kind: "mean-std", mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.5] } as const;
  await expect(label({ normalisation })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: relabel: the teacher wants images with mean [0.4, 0.5, 0.6] and std [0.2, 0.25, 0.5], the set has mean [0.5, 0.5, 0.5] and std [0.25, 0.25, 0.25]; choose another teacher, or let the images be converted for it (--renormalise)]`,
  );
  // Converted: what the teacher sees are the same pixels in its own normalisation.
  const seen: tf.Tensor4D[] = [];
  const scores = (images: tf.Tensor4D): tf.Tensor2D => {
    seen.push(tf.keep(images.clone()));
    return teacher.scores(images);
  };
  await label({ normalisation, scores }, true);
  const pixel = seen[0]!.dataSync().slice(0, 3);
  tf.dispose(seen);
  [0, 1, 2].forEach((c) => {
    const raw = set.images[c]! * 0.25 + 0.5;
    expect(pixel[c]).toBeCloseTo((raw - normalisation.mean[c]!) / normalisation.std[c]!, 4);
  });
});

test("a teacher of another class order agrees with few classes; parts of decoded images count each", async () => {
  // Scores a constant: class 1 for all.
  const second: Teacher = {
    ...teacher,
    scores: (images) => tf.tile(tf.tensor2d([[0, 1, 0]]), [images.shape[0], 1]),
  };
  expect(await teacherAgreement(set, second)).toBeCloseTo(100 / 3, 6);
  expect(await teacherAgreement({ ...set, factor: 2 }, second)).toBeCloseTo(100 / 3, 6);
  const own = { ...set, labels: { kind: "hard", values: new Int32Array(9).fill(1) } } as const;
  expect(await teacherAgreement(own, second)).toBe(100);
});

test("a form that is none is refused", async () => {
  const wrong = relabel(set, { teacher, form: { kind: "views", keep: 0 }, recipe: recipe() });
  await expect(wrong).rejects.toThrow("label form: keep:");
});

describe("into a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "relabel-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(["views", "lpld-x10", "infer", "online"] as const)(
    "%s: the bytes are those in memory",
    async (name) => {
      const options = { teacher, form: labelForms[name].form, recipe: recipe(), seed: 3 };
      const path = join(folder, `${name}.labels`);
      await relabelToFile(path, set, options);
      const { labels } = await relabel(set, options);
      if (labels.kind !== "views" && labels.kind !== "projector") throw new Error(labels.kind);
      expect(readFileSync(path)).toEqual(Buffer.from(encodeLabels(labels)));
    },
  );

  test("stopped after some batches, it scores only the others, to the same bytes", async () => {
    const path = join(folder, "stopped.labels");
    let scored = 0;
    const counting: Teacher = {
      ...teacher,
      scores: (images) => {
        scored++;
        return teacher.scores(images);
      },
    };
    const options = { teacher: counting, form: labelForms.views.form, recipe: recipe(), seed: 3 };
    const stop = new AbortController();
    const stopped = relabelToFile(path, set, {
      ...options,
      signal: stop.signal,
      onProgress: (done) => {
        if (done === 5) stop.abort(new Error("enough"));
      },
    });
    await expect(stopped).rejects.toThrow("enough");
    expect(existsSync(path)).toBe(false);
    const before = scored;
    await relabelToFile(path, set, options);
    // Four epochs of nine images in batches of four.
    expect([before, scored - before]).toEqual([5, 7]);
    expect(readFileSync(path)).toEqual(readFileSync(join(folder, "views.labels")));
    const trainedOn = withStoredLabels(set, openLabels(path));
    const { data, dispose } = setTrainingData(trainedOn);
    expect(await trained(data, recipe())).toEqual(
      await trained(setTrainingData(await relabel(set, options)).data, recipe()),
    );
    dispose();
  });
});
