import { readFileSync } from "node:fs";
import {
  batchMoments,
  createNetwork,
  disposeState,
  foldIn,
  keyFromSeed,
  oneHotLabels,
  useBackend,
  type ImageShape,
  type RunContext,
  type Teacher,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { sre2lConfigSchema } from "../sre2l/config.ts";
import { meanLength, momentsOf, statisticsLoss, totalVariation } from "./matching-loss.ts";
import { imageOptimiser, initialRecovery, recoverStep, teacherLoss, type RecoverState } from "./recover.ts";
import { teacherView } from "./view.ts";

interface Fixture {
  readonly network: string;
  readonly shape: ImageShape;
  readonly normalisation: { readonly mean: number[]; readonly std: number[] };
  readonly config: object;
  readonly theta: number[];
  readonly mean: number[];
  readonly variance: number[];
  readonly labels: number[];
  readonly images: number[];
  readonly loss: number;
  readonly terms: Readonly<Record<"crossEntropy" | "statistics" | "totalVariation" | "length", number>>;
  readonly gradient: number[];
  readonly updated: number[];
}
const fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/pytorch/recovery.json", import.meta.url), "utf8"),
) as Fixture;

/** float32 against PyTorch's float64; Adam divides by small gradients' own size, so its steps are looser. */
const F32_RTOL = 2e-5;
const F32_ADAM_ATOL = 2e-3;

const WIDTH = 4;
const network = createNetwork(fixture.network, { inputShape: fixture.shape, classes: 3 });
const config = sre2lConfigSchema.parse({ ipc: 2, batchSize: 4, jitter: 0, crop: "none", ...fixture.config });

function fixtureTeacher(): Teacher {
  const halves = (values: number[]) =>
    [values.slice(0, WIDTH), values.slice(WIDTH)].map((row) => tf.tensor1d(row));
  return {
    network,
    theta: tf.tensor1d(fixture.theta),
    statistics: { mean: halves(fixture.mean), variance: halves(fixture.variance) },
  };
}

const images = (): tf.Tensor4D => tf.tensor4d(fixture.images, [4, ...fixture.shape]);

beforeAll(async () => {
  await useBackend("cpu");
});

describe("SRe2L's loss", () => {
  it("has PyTorch's value, parts and gradient", () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const labels = oneHotLabels(fixture.labels, 3);
      const lossOf = teacherLoss(fixtureTeacher(), config);
      const { loss, terms } = lossOf(images(), labels, keyFromSeed(0));
      const { crossEntropy, statistics, totalVariation: roughness, length } = fixture.terms;
      expectClose(loss, fixture.loss);
      expectClose(terms["crossEntropy"]!, crossEntropy);
      expectClose(terms["statistics"]!, statistics);
      expectClose(totalVariation(images()), roughness);
      expectClose(meanLength(images()), length);
      const gradient = tf.grad((x: tf.Tensor) => lossOf(x as tf.Tensor4D, labels, keyFromSeed(0)).loss)(
        images(),
      );
      const scale = Math.max(...fixture.gradient.map(Math.abs));
      gradient.dataSync().forEach((value, i) => {
        expect(Math.abs(value - fixture.gradient[i]!) / scale).toBeLessThan(F32_RTOL);
      });
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("after three updates gives PyTorch's images: Adam, cosine and clamping", () => {
    const before = tf.memory().numTensors;
    const context = {
      dataset: {
        classes: ["a", "b", "c"],
        shape: fixture.shape,
        normalisation: { kind: "mean-std", ...fixture.normalisation },
        mirrorInvariant: true,
      },
      key: keyFromSeed(0),
    } as unknown as RunContext;
    const teacher = fixtureTeacher();
    const start = images();
    // A batch of four: classes 0, 1, 2 and 0 again, as recorded.
    let state: RecoverState = {
      finished: {},
      batch: 0,
      images: start,
      optimiser: imageOptimiser.init(start),
    };
    for (let step = 0; step < config.iterations; step++) {
      const next = recoverStep(context, state, { ...config, batchSize: 4, ipc: 2, iterations: 3 }, step, {
        scale: () => undefined,
        viewLoss: teacherLoss(teacher, config),
      }).state;
      if (step === config.iterations - 1) {
        next.finished["0"]!.dataSync().forEach((value, i) => {
          expect(Math.abs(value - fixture.updated[i]!)).toBeLessThan(F32_ADAM_ATOL);
        });
      }
      disposeState(state, next);
      state = next;
    }
    disposeState(state);
    tf.dispose([teacher.theta, ...teacher.statistics.mean, ...teacher.statistics.variance]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

function expectClose(found: tf.Scalar, wanted: number): void {
  expect(Math.abs(found.dataSync()[0]! / wanted - 1)).toBeLessThan(F32_RTOL);
}

describe("statisticsLoss", () => {
  const options = { firstLayerWeight: 10, statisticsScale: "published" } as const;

  it("is nothing where a batch has the teacher's own statistics, with a finite derivative", () => {
    tf.tidy(() => {
      const x = tf.tensor4d([1, 5, 3, 9, 2, 2, 6, 4], [2, 2, 1, 2]);
      const own = momentsOf([x]);
      const running = { mean: own.map(({ mean }) => mean), variance: own.map(({ variance }) => variance) };
      const loss = (at: tf.Tensor) => statisticsLoss(momentsOf([at]), running, options);
      expect(loss(x).dataSync()[0]!).toBeLessThan(1e-4);
      expect(tf.grad(loss)(x).dataSync().every(Number.isFinite)).toBe(true);
    });
  });

  it("weights the first layer, and when normalised divides by channels and layers", () => {
    tf.tidy(() => {
      const layer = (mean: number[], variance: number[]) => ({
        mean: tf.tensor1d(mean),
        variance: tf.tensor1d(variance),
      });
      const batch = [layer([3, 4], [1, 1]), layer([0, 0, 0, 2], [1, 1, 1, 1])];
      const running = {
        mean: [tf.tensor1d([0, 0]), tf.tensor1d([0, 0, 0, 0])],
        variance: [tf.tensor1d([1, 2]), tf.tensor1d([1, 1, 1, 1])],
      };
      // 10·(5 + 1) + (2 + 0)
      expect(statisticsLoss(batch, running, options).dataSync()[0]!).toBeCloseTo(62, 4);
      const scaled = statisticsLoss(batch, running, { ...options, statisticsScale: "normalised" });
      expect(scaled.dataSync()[0]!).toBeCloseTo((60 / Math.SQRT2 + 2 / 2) / 2, 4);
    });
  });
});

describe("batches and views", () => {
  it("begin with N(0, 1), other numbers for every batch", () => {
    const context = {
      dataset: { classes: ["a", "b"], shape: [16, 16, 3] },
      key: foldIn(keyFromSeed(3), "run"),
    } as unknown as RunContext;
    const state = initialRecovery(context, { ...config, ipc: 4, batchSize: 8 });
    const { mean, variance } = tf.tidy(() => {
      const moments = batchMoments(tf.reshape(state.images, [-1, 1]));
      return { mean: moments.mean.dataSync()[0]!, variance: moments.variance.dataSync()[0]! };
    });
    // 6,144 numbers: standard errors of 0.013 and 0.018.
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.07);
    disposeState(state);
  });

  it("shift the same way for the whole batch, circularly, or differently for every image; shift and gradient are transposes", () => {
    tf.tidy(() => {
      const x = tf.tensor4d(
        Array.from({ length: 2 * 25 }, (_, i) => i),
        [2, 5, 5, 1],
      );
      const base = { flip: false, shift: [-4, 4] as const };
      const twins = tf.concat([
        tf.slice(x, [0, 0, 0, 0], [1, -1, -1, -1]),
        tf.slice(x, [0, 0, 0, 0], [1, -1, -1, -1]),
      ]);
      const pair = teacherView(twins as tf.Tensor4D, {
        ...base,
        each: false,
        key: keyFromSeed(5),
      }).dataSync();
      expect(pair.slice(0, 25)).toEqual(pair.slice(25));
      expect(Array.from(pair.slice(0, 25)).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 25 }, (_, i) => i),
      );
      const own = teacherView(twins as tf.Tensor4D, { ...base, each: true, key: keyFromSeed(5) }).dataSync();
      expect(own.slice(0, 25)).not.toEqual(own.slice(25));
      const fixed = teacherView(x, {
        flip: false,
        shift: [1, 1],
        each: false,
        key: keyFromSeed(1),
      }).arraySync();
      expect(fixed[0]![0]!.map(([value]) => value)).toEqual([24, 20, 21, 22, 23]);
      const v = tf.mul(x, x);
      const options = { ...base, scale: [0.3, 0.9] as const, flip: true, each: false, key: keyFromSeed(2) };
      const back = tf.grad((at: tf.Tensor) => tf.sum(tf.mul(teacherView(at as tf.Tensor4D, options), v)))(x);
      const forward = tf.sum(tf.mul(teacherView(x, options), v)).dataSync()[0]!;
      expect(tf.sum(tf.mul(back, x)).dataSync()[0]! / forward).toBeCloseTo(1, 4);
    });
  });
});
