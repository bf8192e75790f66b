import {
  createNetwork,
  ensureGradients,
  keyFromSeed,
  normal,
  oneHotLabels,
  peakBytes,
  resetPeakBytes,
  useBackend,
  type Key,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { batchRows, studentLoss, type StudentLossOptions } from "./student-loss.ts";
import { trajectoryGradient, type StudentLoss, type Trajectory } from "./trajectory-gradient.ts";

let before = 0;
beforeEach(async () => {
  await useBackend("cpu");
  ensureGradients();
  before = tf.memory().numTensors;
  tf.engine().startScope();
});
afterEach(() => {
  tf.engine().endScope();
  expect(tf.memory().numTensors).toBe(before);
});

/** Float32 sums over a few hundred terms, four steps deep. */
const TOLERANCE = 1e-4;

/** Sums over samples made in another order. */
const ROUNDING = 1e-5;

function expectClose(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = TOLERANCE): void {
  expect(found.length).toBe(wanted.length);
  const scale = Math.max(...Array.from(wanted, Math.abs));
  const error = Math.max(...Array.from(found, (value, i) => Math.abs(value - wanted[i]!)));
  expect(scale).toBeGreaterThan(0);
  expect(error / scale).toBeLessThan(tolerance);
}

/** The same objective by tfjs's nested gradients through the unrolled graph: derivatives in X, Y and η. */
function unrolled(
  loss: StudentLoss,
  t: Trajectory,
): { value: number; grads: [tf.Tensor, tf.Tensor, tf.Tensor] } {
  const objective = (...args: tf.Tensor[]): tf.Scalar => {
    const [x, y, eta] = args as [tf.Tensor4D, tf.Tensor2D, tf.Scalar];
    let theta: tf.Tensor1D = t.start;
    let velocity: tf.Tensor | undefined;
    const terms: tf.Tensor[] = [];
    for (let i = 0; i < t.steps; i++) {
      const gradient = tf.grad((at) => loss(at as tf.Tensor1D, x, y, i, "both"))(theta);
      velocity = velocity === undefined ? gradient : tf.add(tf.mul(velocity, t.momentum ?? 0), gradient);
      theta = tf.sub(theta, tf.mul(velocity, eta));
      for (const { step, target, weight } of t.waypoints) {
        if (step !== i + 1) continue;
        const scale = tf.sum(tf.squaredDifference(t.start, target)).dataSync()[0]!;
        terms.push(tf.mul(tf.sum(tf.square(tf.sub(theta, target))), weight / scale));
      }
    }
    return tf.addN(terms) as tf.Scalar;
  };
  const { value, grads } = tf.valueAndGrads(objective)([t.images, t.labels, tf.scalar(t.stepSize)]);
  return { value: value.dataSync()[0]!, grads: grads as [tf.Tensor, tf.Tensor, tf.Tensor] };
}

describe("trajectoryGradient on a ConvNet, against the unrolled graph", () => {
  const network = createNetwork("convnet1-w4", { inputShape: [4, 4, 2], classes: 3 });
  const numbers = (seed: string, length: number): Float32Array => normal(keyFromSeed(seed), length);
  const base = {
    network,
    dataset: {
      mirrorInvariant: true,
      normalisation: { kind: "mean-std", mean: [0.5, 0.5], std: [0.25, 0.25] },
    },
    config: { factor: 1, flipEmbedding: false, augmentation: "none", innerSteps: 4, syntheticBatch: "full" },
    size: 6,
    key: keyFromSeed("step"),
    labelSpace: "probabilities",
  } as const satisfies StudentLossOptions;

  const trajectory = (change: Partial<Trajectory> = {}): Trajectory => {
    const start = network.init(keyFromSeed("start"));
    const target = tf.add(
      start,
      tf.mul(tf.tensor1d(numbers("way", network.parameterCount)), 0.1),
    ) as tf.Tensor1D;
    return {
      start,
      waypoints: [{ step: 4, target, weight: 1 }],
      images: tf.tensor4d(numbers("images", 6 * 32), [6, 4, 4, 2]),
      labels: oneHotLabels([0, 0, 1, 1, 2, 2], 3),
      steps: 4,
      stepSize: 0.2,
      ...change,
    };
  };
  const logits = (): tf.Tensor2D => tf.tensor2d(numbers("labels", 18), [6, 3]);

  const cases: Record<string, () => [StudentLossOptions, Trajectory]> = {
    "full batch": () => [base, trajectory()],
    "mini-batches": () => [{ ...base, config: { ...base.config, syntheticBatch: 4 } }, trajectory()],
    "soft labels": () => [{ ...base, labelSpace: "logits" }, trajectory({ labels: logits() })],
    augmentation: () => [
      { ...base, config: { ...base.config, augmentation: "color_crop_cutout_flip_scale_rotate" } },
      trajectory(),
    ],
    "multi-formation and flip embedding": () => [
      { ...base, config: { ...base.config, factor: 2, flipEmbedding: true, syntheticBatch: 2 } },
      trajectory(),
    ],
    "momentum, waypoints and a factor": () => {
      const t = trajectory({ momentum: 0.9 });
      const half = tf.mul(tf.add(t.start, t.waypoints[0]!.target), 0.5) as tf.Tensor1D;
      const waypoints = [{ step: 2, target: half, weight: 0.5 }, ...t.waypoints];
      return [
        { ...base, factor: 1.3 },
        { ...t, waypoints },
      ];
    },
    "everything at once": () => [
      {
        ...base,
        labelSpace: "logits",
        config: { ...base.config, syntheticBatch: 4, augmentation: "color_crop", flipEmbedding: true },
      },
      trajectory({ labels: logits(), momentum: 0.5 }),
    ],
  };

  it.each(Object.keys(cases))("%s", (name) => {
    const [options, t] = cases[name]!();
    const loss = studentLoss(options);
    const wanted = unrolled(loss, t);
    const found = trajectoryGradient(loss, t);
    expect(Math.abs(found.loss / wanted.value - 1)).toBeLessThan(TOLERANCE);
    expectClose(found.images.dataSync(), wanted.grads[0].dataSync());
    expectClose(found.labels.dataSync(), wanted.grads[1].dataSync());
    expectClose([found.stepSize], wanted.grads[2].dataSync());
  });

  it.each(Object.keys(cases))(
    "%s, in pieces of at most 2 samples: as whole, within rounding",
    async (name) => {
      const [options, t] = cases[name]!();
      const wanted = trajectoryGradient(studentLoss(options), t);
      await useBackend("cpu", { samplesAtOnce: 2 });
      const loss = studentLoss(options);
      // The last batch of an order may be shorter.
      expect(loss.pieces!(1).length).toBeGreaterThan(1);
      const found = trajectoryGradient(loss, t);
      expect(Math.abs(found.loss / wanted.loss - 1)).toBeLessThan(ROUNDING);
      expectClose(found.images.dataSync(), wanted.images.dataSync(), ROUNDING);
      expectClose(found.labels.dataSync(), wanted.labels.dataSync(), ROUNDING);
      expectClose([found.stepSize], [wanted.stepSize], ROUNDING);
    },
  );

  it("truncated is TESLA's formula: every step along 2(θ_N − θ*)/D, and not the exact one", () => {
    const t = trajectory();
    const loss = studentLoss(base);
    const found = trajectoryGradient(loss, { ...t, gradient: "truncated" });
    // G, then v·g_i with every θ_i held.
    const thetas = [t.start];
    const gradient = (i: number, x: tf.Tensor4D): tf.Tensor1D =>
      tf.grad((at) => loss(at as tf.Tensor1D, x, t.labels, i, "both"))(thetas[i]!) as tf.Tensor1D;
    for (let i = 0; i < 4; i++) {
      thetas.push(tf.sub(thetas[i]!, tf.mul(gradient(i, t.images), t.stepSize)) as tf.Tensor1D);
    }
    const { target } = t.waypoints[0]!;
    const scale = tf.sum(tf.squaredDifference(t.start, target));
    const total = tf.div(tf.sub(t.start, thetas[4]!), t.stepSize);
    const v = tf.div(
      tf.mul(2, tf.add(tf.mul(t.stepSize, tf.sub(target, t.start)), tf.mul(t.stepSize ** 2, total))),
      scale,
    );
    const wanted = tf.grad((x) =>
      tf.addN([0, 1, 2, 3].map((i) => tf.sum(tf.mul(v, gradient(i, x as tf.Tensor4D))))),
    )(t.images);
    expectClose(found.images.dataSync(), wanted.dataSync());
    const slope = tf.div(tf.mul(-2, tf.sum(tf.mul(total, tf.sub(thetas[4]!, target)))), scale);
    expectClose([found.stepSize], slope.dataSync());
    const exact = trajectoryGradient(loss, t).images.dataSync();
    const far = Math.max(...Array.from(exact, (value, i) => Math.abs(value - wanted.dataSync()[i]!)));
    expect(far / Math.max(...Array.from(exact, Math.abs))).toBeGreaterThan(0.01);
  });

  it("is 1 where the student hardly moves, and refuses an expert that does not", () => {
    const loss = studentLoss(base);
    expect(trajectoryGradient(loss, trajectory({ stepSize: 1e-9 })).loss).toBeCloseTo(1, 5);
    const t = trajectory();
    const still = { ...t, waypoints: [{ step: 4, target: tf.clone(t.start), weight: 1 }] };
    expect(() => trajectoryGradient(loss, still)).toThrow("the expert has not moved between the start");
  });

  it("is 0, with no derivative, where the student arrives", () => {
    const loss = studentLoss(base);
    const t = trajectory({ steps: 1 });
    const gradient = tf.grad((at) => loss(at as tf.Tensor1D, t.images, t.labels, 0, "both"))(t.start);
    const target = tf.sub(t.start, tf.mul(gradient, t.stepSize)) as tf.Tensor1D;
    const found = trajectoryGradient(loss, { ...t, waypoints: [{ step: 1, target, weight: 1 }] });
    expect(found.loss).toBeLessThan(1e-10);
    expect(tf.max(tf.abs(found.images)).dataSync()[0]).toBeLessThan(1e-4);
  });

  it("keeps no more than one step's tensors beside its snapshots", () => {
    const loss = studentLoss({ ...base, config: { ...base.config, innerSteps: 30 } });
    const live = (steps: number): number => {
      let most = 0;
      const counting: StudentLoss = (...args) => {
        most = Math.max(most, tf.memory().numTensors);
        return loss(...args);
      };
      const t = trajectory();
      trajectoryGradient(counting, { ...t, steps, waypoints: [{ ...t.waypoints[0]!, step: steps }] });
      return most;
    };
    expect(live(30) - live(5)).toBeLessThanOrEqual(25 + 3);
  });

  it("holds the activations of one piece at a time", async () => {
    const wide = createNetwork("convnet1-w32", { inputShape: [4, 4, 2], classes: 3 });
    const start = wide.init(keyFromSeed("start"));
    const target = tf.mul(start, 1.1) as tf.Tensor1D;
    const images = tf.tensor4d(numbers("images", 48 * 32), [48, 4, 4, 2]);
    const labels = oneHotLabels(new Int32Array(48), 3);
    const waypoints = [{ step: 4, target, weight: 1 }];
    const peak = async (samplesAtOnce?: number): Promise<number> => {
      await useBackend("cpu", samplesAtOnce === undefined ? {} : { samplesAtOnce });
      resetPeakBytes();
      const held = peakBytes();
      const loss = studentLoss({ ...base, network: wide, size: 48 });
      trajectoryGradient(loss, { ...trajectory(), start, waypoints, images, labels });
      return peakBytes() - held;
    };
    expect((await peak(8)) / (await peak())).toBeLessThan(0.4);
  });
});

describe("trajectoryGradient on soft-max regression, against float64 differences of the whole run", () => {
  const [size, width, classes, steps, stepSize, momentum] = [5, 4, 3, 5, 0.4, 0.6];
  const numbers = (seed: string, length: number): number[] => Array.from(normal(keyFromSeed(seed), length));
  const start = numbers("w", width * classes);
  const targets = ["early", "late"].map((seed) =>
    numbers(seed, width * classes).map((value, i) => start[i]! + 0.3 * value),
  );
  const images = numbers("x", size * width);
  const labels = numbers("y", size * classes);
  const rows = batchRows({ innerSteps: steps, syntheticBatch: 3 }, size, keyFromSeed("rows"));

  const softmax = (row: readonly number[]): number[] => {
    const top = Math.max(...row);
    const powers = row.map((value) => Math.exp(value - top));
    return powers.map((value) => value / powers.reduce((sum, own) => sum + own, 0));
  };

  function objective(x: readonly number[], y: readonly number[], eta: number): number {
    let theta = [...start];
    let velocity = theta.map(() => 0);
    let total = 0;
    const square = (a: readonly number[], b: readonly number[]): number =>
      a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
    for (let i = 0; i < steps; i++) {
      const chosen = Array.from(rows[i]!);
      const gradient = theta.map(() => 0);
      for (const n of chosen) {
        const logits = Array.from({ length: classes }, (_, k) =>
          Array.from({ length: width }, (_, d) => x[n * width + d]! * theta[d * classes + k]!).reduce(
            (a, b) => a + b,
          ),
        );
        const p = softmax(logits);
        const q = softmax(y.slice(n * classes, (n + 1) * classes));
        for (let d = 0; d < width; d++)
          for (let k = 0; k < classes; k++)
            gradient[d * classes + k]! += (x[n * width + d]! * (p[k]! - q[k]!)) / chosen.length;
      }
      velocity = velocity.map((value, j) => momentum * value + gradient[j]!);
      theta = theta.map((value, j) => value - eta * velocity[j]!);
      if (i === 1) total += (0.5 * square(theta, targets[0]!)) / square(start, targets[0]!);
    }
    return total + square(theta, targets[1]!) / square(start, targets[1]!);
  }

  it("images, labels and step size, with mini-batches, momentum and two waypoints", () => {
    const loss: StudentLoss = (theta, x, y, step) => {
      const chosen = tf.tensor1d(rows[step]!.slice(), "int32");
      const own = tf.reshape(tf.gather(x, chosen), [-1, width]) as tf.Tensor2D;
      const logits = tf.matMul(own, tf.reshape(theta, [width, classes]));
      const log = (z: tf.Tensor): tf.Tensor => tf.sub(z, tf.log(tf.sum(tf.exp(z), 1, true)));
      const q = tf.exp(log(tf.gather(y, chosen)));
      return tf.neg(tf.mean(tf.sum(tf.mul(q, log(logits)), 1))) as tf.Scalar;
    };
    const found = trajectoryGradient(loss, {
      start: tf.tensor1d(start),
      waypoints: [
        { step: 2, target: tf.tensor1d(targets[0]!), weight: 0.5 },
        { step: steps, target: tf.tensor1d(targets[1]!), weight: 1 },
      ],
      images: tf.tensor4d(images, [size, 1, width, 1]),
      labels: tf.tensor2d(labels, [size, classes]),
      steps,
      stepSize,
      momentum,
    });
    const h = 1e-5;
    const slopes = (values: readonly number[], f: (moved: readonly number[]) => number): number[] =>
      values.map((value, i) => (f(values.with(i, value + h)) - f(values.with(i, value - h))) / (2 * h));
    expect(found.loss).toBeCloseTo(objective(images, labels, stepSize), 5);
    expectClose(
      found.images.dataSync(),
      slopes(images, (x) => objective(x, labels, stepSize)),
      2e-5,
    );
    expectClose(
      found.labels.dataSync(),
      slopes(labels, (y) => objective(images, y, stepSize)),
      2e-5,
    );
    expectClose(
      [found.stepSize],
      slopes([stepSize], ([eta]) => objective(images, labels, eta!)),
      2e-5,
    );
  });
});

describe("batchRows", () => {
  const key: Key = keyFromSeed(1);
  it("uses every image once before any twice, the short piece first", () => {
    const rows = batchRows({ innerSteps: 6, syntheticBatch: 4 }, 10, key);
    expect(rows.map((own) => own!.length)).toEqual([2, 4, 4, 2, 4, 4]);
    for (const round of [rows.slice(0, 3), rows.slice(3)]) {
      expect(round.flatMap((own) => Array.from(own!)).sort((a, b) => a - b)).toEqual([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
      ]);
    }
    expect(rows[0]).not.toEqual(rows[3]);
  });

  it("takes all where the batch is as large", () => {
    expect(batchRows({ innerSteps: 2, syntheticBatch: 10 }, 10, key)).toEqual([undefined, undefined]);
  });
});
