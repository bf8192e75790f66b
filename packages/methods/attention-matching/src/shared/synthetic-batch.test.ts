import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createRunContext,
  flipEmbedding,
  foldIn,
  multiFormation,
  setImages,
  useBackend,
} from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import { datadamConfigSchema } from "../datadam/config.ts";
import { datadam } from "../datadam/method.ts";
import { dmConfigSchema, type DmConfig } from "../dm/config.ts";
import { dm } from "../dm/method.ts";
import { augmentationOf, siamese, syntheticBatch } from "./synthetic-batch.ts";

const small = {
  ipc: 2,
  iterations: 8,
  network: "convnet2-w8",
  realBatch: 6,
  imageLearningRate: 0.1,
  factor: 2,
  flipEmbedding: true,
  initialisation: "mix",
} as const;

testMethod(dm, { config: small });
describe("syntheticBatch", () => {
  beforeEach(async () => {
    await useBackend("cpu");
    tf.engine().startScope();
  });
  afterEach(() => tf.engine().endScope());

  const dataset = toyDataset();
  const run = createRunContext(dataset, 3);
  const parse = (change: object): DmConfig => dmConfigSchema.parse({ ...small, ...change });
  const largest = (a: tf.Tensor, b: tf.Tensor): number => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;

  it("decodes, then mirrors, then augments, class by class", () => {
    const config = parse({});
    const stored = dm.init(run, config).images;
    const batch = syntheticBatch(stored, config, dataset, run.key, [0, 1, 2]);
    expect(batch.shape).toEqual([3 * 2 * 4 * 2, 8, 8, 3]);
    const wanted = flipEmbedding(
      multiFormation(tf.slice(stored, [2, 0, 0, 0], [2, -1, -1, -1]), 2, dataset.normalisation),
    );
    const second = tf.slice(batch, [16, 0, 0, 0], [16, -1, -1, -1]);
    expect(largest(second, siamese(wanted, config, dataset, run.key, 1))).toBe(0);
  });

  it("flip embedding: mirrored images have the same loss, and mirrored gradients", () => {
    const config = parse({ factor: 1, augmentation: "none", imageMomentum: 0, initialisation: "real" });
    const state = dm.init(run, config);
    const mirrored = { ...state, images: tf.reverse(state.images, 2) };
    const [own, twin] = [dm.step(run, state, config, 0), dm.step(run, mirrored, config, 0)];
    expect(twin.loss / own.loss).toBeCloseTo(1, 5);
    expect(largest(twin.state.velocity, tf.reverse(own.state.velocity, 2))).toBeLessThan(1e-5);
    const without = parse({ ...config, flipEmbedding: false });
    expect(
      Math.abs(dm.step(run, state, without, 0).loss / dm.step(run, mirrored, without, 0).loss - 1),
    ).toBeGreaterThan(1e-3);
  });

  it("matches what evaluation trains on: the loss is that of the decoded set as a set of its own", () => {
    const config = parse({ flipEmbedding: false, augmentation: "none" });
    const state = dm.init(run, config);
    const set = dm.result(run, state, config);
    expect([set.size, set.factor]).toEqual([6, 2]);
    // Patch-major over the whole set; class by class for the method: 4 patches of 2 images each.
    const decoded = tf.reshape(
      tf.transpose(tf.reshape(setImages(set), [4, 3, 2, 8 * 8 * 3]), [1, 0, 2, 3]),
      [24, 8, 8, 3],
    ) as tf.Tensor4D;
    const plain = parse({ ...config, factor: 1, ipc: 8 });
    const loss = dm.step(run, { images: decoded, velocity: tf.zerosLike(decoded) }, plain, 0).loss;
    expect(dm.step(run, state, config, 0).loss / loss).toBeCloseTo(1, 5);
  });

  it("serves every method of the family", () => {
    const weights = { attentionPower: 1, attentionWeight: 100, meanWeight: 1 };
    const config = datadamConfigSchema.parse({ ...small, ...weights });
    const { state, loss } = datadam.step(run, datadam.init(run, config), config, 0);
    expect(loss).toBeGreaterThan(0);
    expect(state.images.shape).toEqual([6, 8, 8, 3]);
  });

  it("resolves `auto` by whether mirror images keep their class", () => {
    expect(augmentationOf({ augmentation: "auto" }, dataset)).toBe("color_crop_cutout_flip_scale_rotate");
    expect(augmentationOf({ augmentation: "auto" }, { mirrorInvariant: false })).toBe(
      "color_crop_cutout_scale_rotate",
    );
    expect(augmentationOf({ augmentation: "flip+color" }, dataset)).toBe("flip+color");
  });

  it("gives real and synthetic images of a class one transformation, each class its own", () => {
    const images = tf.slice(dm.init(run, parse({})).images, [0, 0, 0, 0], [1, -1, -1, -1]);
    const config = { augmentation: "color" };
    const at = (label: number, batch: tf.Tensor4D = images) =>
      siamese(batch, config, dataset, foldIn(run.key, 1), label);
    const pair = at(0, tf.concat([images, images]));
    expect(largest(tf.slice(pair, [1, 0, 0, 0], [1, -1, -1, -1]), at(0))).toBe(0);
    expect(largest(at(1), at(0))).toBeGreaterThan(0);
  });

  it("refuses a factor above the side of the images before anything starts", () => {
    expect(() => dm.forecast(run, parse({ factor: 9 }))).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: config: factor must be a whole number from 1 to 8, the side of the images, got 9]`,
    );
  });
});
