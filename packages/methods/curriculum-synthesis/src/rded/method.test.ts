import {
  createRunContext,
  distill,
  drawCropBoxes,
  foldIn,
  choice,
  memoryPartStore,
  preparedTeacher,
  prepareContext,
  resizedCrop,
  resolveConfig,
  useBackend,
} from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { rdedConfigSchema } from "./config.ts";
import { rded } from "./method.ts";

const teacher = { network: "convnet2-w8-batch", epochs: 6, learningRate: 0.05, batchSize: 12 };
const dataset = toyDataset({ perClass: 24 });

testMethod(rded, {
  config: { ipc: 2, iterations: 4, candidates: 20, crops: 2, factor: 2, teacher },
  dataset,
  backend: "native",
  // There is no optimisation: the mean loss of the best crops falls as long as better ones turn up.
  lossFallsTo: 1,
});

describe("RDED's selection", () => {
  beforeAll(async () => {
    await useBackend("native");
  });

  /** float32 losses of other batch sizes. */
  const F32_ATOL = 1e-4;

  it.each([1, 2])(
    "is that of a plain loop over all crops, in whatever rounds, with factor %d",
    async (factor) => {
      const config = rdedConfigSchema.parse({
        ipc: 2,
        iterations: 3,
        candidates: 17,
        crops: 3,
        factor,
        teacher,
      });
      const context = await prepareContext(rded, createRunContext(dataset, 5), config, {
        store: memoryPartStore(),
        environment: { backend: "native", precision: "highest", threads: 1 },
      });
      const before = tf.memory().numTensors;
      let state = rded.init(context, config);
      for (let round = 0; round < config.iterations; round++) {
        const next = rded.step(context, state, config, round).state;
        tf.dispose([state.crops, state.losses]);
        state = next;
      }
      const set = rded.result(context, state, config);
      const count = 2 * factor * factor;
      const cell = 8 / factor;
      const { network, theta, statistics } = preparedTeacher(context, "teacher", config.teacher);
      for (let label = 0; label < 3; label++) {
        const pool = choice(
          foldIn(foldIn(context.key, "candidates"), label),
          context.real.ofClass(label),
          17,
        );
        // One crop at a time.
        const found = Array.from(pool).map((position) => {
          const boxes = drawCropBoxes(foldIn(foldIn(context.key, "crops"), position), 3, 8, 8, {
            scale: [0.08, 1],
            ratio: [1, 1],
            flip: 0,
          });
          const scored = boxes.map((box) => {
            const crop = tf.tidy(() => resizedCrop(context.real.read([position]), [box], [cell, cell]));
            const rim = (8 - cell) / 2;
            const padded = tf.pad(crop, [
              [0, 0],
              [rim, rim],
              [rim, rim],
              [0, 0],
            ]);
            const scores = tf.tidy(() =>
              network.apply(theta, padded, { statistics }).logits.dataSync<"float32">(),
            );
            const pixels = crop.dataSync<"float32">();
            tf.dispose([crop, padded]);
            const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
            return { loss: Math.log(total) - scores[label]!, pixels };
          });
          return scored.reduce((best, next) => (next.loss < best.loss ? next : best));
        });
        const wanted = found.sort((a, b) => a.loss - b.loss).slice(0, count);
        const losses = state.losses.dataSync().slice(label * count, (label + 1) * count);
        wanted.forEach(({ loss }, i) => expect(Math.abs(losses[i]! - loss)).toBeLessThan(F32_ATOL));
        // The first image of the class: its cells are the best crops, row by row.
        const image = set.images.subarray(label * 2 * 192, (label * 2 + 1) * 192);
        for (let y = 0; y < 8; y++) {
          for (let x = 0; x < 8; x++) {
            const own = wanted[Math.floor(y / cell) * factor + Math.floor(x / cell)]!;
            const at = ((y % cell) * cell + (x % cell)) * 3;
            expect(image.slice((y * 8 + x) * 3, (y * 8 + x) * 3 + 3)).toEqual(own.pixels.slice(at, at + 3));
          }
        }
      }
      tf.dispose([theta, ...statistics.mean, ...statistics.variance, state.crops, state.losses]);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it("refuses, before anything is made, mosaics that do not fit, no images, and too few candidates", async () => {
    const refusal = (config: object) =>
      distill(rded, dataset, { config: { ipc: 1, teacher, ...config } }).result.then(
        () => "accepted",
        (error: unknown) => (error as Error).message,
      );
    expect(await refusal({ factor: 9 })).toMatchInlineSnapshot(
      `"rded config: factor must be a whole number from 1 to 8, the side of the images, got 9"`,
    );
    expect(await refusal({ factor: 3 })).toMatchInlineSnapshot(
      `"rded config: factor must divide the sides of the images, 8 and 8, got 3"`,
    );
    expect(() => resolveConfig(rded, { ipc: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: rded config: ipc: Too small: expected number to be >=1, got 0]`,
    );
    expect(await refusal({ ipc: 10, factor: 2 })).toMatchInlineSnapshot(
      `"toy: class "class 0" has 24 training images, wanted at least ipc · factor² = 40; lower ipc or factor, or raise candidates"`,
    );
    expect(await refusal({ ipc: 10, candidates: 5 })).toMatchInlineSnapshot(
      `"toy: class "class 0" has 5 candidates, wanted at least ipc · factor² = 10; lower ipc or factor, or raise candidates"`,
    );
    expect(() =>
      resolveConfig(rded, { ipc: 1, config: { crop: { low: 0.5, high: 0.2 } } }),
    ).toThrowErrorMatchingInlineSnapshot(`[ConfigError: rded config: crop: low must not be above high]`);
  });
});
