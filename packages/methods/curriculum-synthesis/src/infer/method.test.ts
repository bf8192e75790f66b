import {
  createRunContext,
  memoryPartStore,
  prepareContext,
  preparedTeacher,
  resolveConfig,
  useBackend,
} from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { disposeTeacher } from "../shared/dispose-teacher.ts";
import { inferConfigSchema } from "./config.ts";
import { infer } from "./method.ts";
import { baseRows } from "./rows.ts";

const teacher = (seed: number) => ({
  network: "convnet2-w8-batch",
  epochs: 6,
  learningRate: 0.05,
  batchSize: 12,
  seed,
});

testMethod(infer, {
  config: { ipc: 2, iterations: 16, teachers: [teacher(0)], imageLearningRate: 0.1, jitter: 1 },
  backend: "native",
});

describe("the budget", () => {
  it("counts images, or what is stored", () => {
    const rows = (ipc: number, budget: "images" | "tensors", m: number, classes: number) =>
      baseRows({ ipc, budget, teachers: Array.from({ length: m }, (_, i) => inferTeacher(i)) }, classes);
    // Published: CIFAR-10 and 100 with four teachers, ImageNet-1K with three.
    expect([rows(10, "tensors", 4, 10), rows(50, "tensors", 4, 10)]).toEqual([7, 35]);
    expect([rows(10, "tensors", 4, 100), rows(50, "tensors", 4, 100)]).toEqual([9, 48]);
    expect([rows(10, "tensors", 3, 1000), rows(50, "tensors", 3, 1000)]).toEqual([9, 49]);
    expect(rows(10, "images", 4, 10)).toBe(2);
    expect(() => rows(7, "images", 1, 10)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: infer config: ipc must be a multiple of 2, one real image and one for each of 1 teachers, got 7; change ipc or count tensors (budget "tensors")]`,
    );
    expect(() => rows(1, "tensors", 4, 10)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: infer config: ipc must leave room for a row of real images beside 4 compensators shared by 10 classes, got 1; raise ipc or take fewer teachers]`,
    );
  });
});

function inferTeacher(seed: number) {
  return inferConfigSchema.shape.teachers.parse([teacher(seed)])[0]!;
}

describe("compensators", () => {
  const dataset = toyDataset();
  const config = inferConfigSchema.parse({
    ipc: 4,
    budget: "tensors",
    iterations: 3,
    teachers: [teacher(0), teacher(1)],
    jitter: 0,
  });

  beforeAll(async () => {
    await useBackend("native");
  });

  it("are one picture for all classes of a row and one for every teacher; labels are the mean of the teachers' scores", async () => {
    const context = await prepareContext(infer, createRunContext(dataset, 1), config, {
      store: memoryPartStore(),
      environment: { backend: "native", precision: "highest", threads: 1 },
    });
    // 4 = ⌊4 / (1 + 2/3)⌋ rows = 2, so 2·(2 + 1) images a class, and 4 units of 3 iterations.
    const steps = infer.steps(config, dataset);
    expect(steps).toBe(12);
    let state = infer.init(context, config);
    for (let step = 0; step < steps; step++) {
      const next = infer.step(context, state, config, step).state;
      const kept = new Set([next.compensator, ...Object.values(next.finished)]);
      const old = [state.compensator, ...Object.values(state.finished), ...Object.values(state.optimiser)];
      tf.dispose(
        old.filter((value) => value instanceof tf.Tensor && !kept.has(value as tf.Tensor4D)) as tf.Tensor[],
      );
      state = next;
    }
    const set = infer.result(context, state, config);
    expect(set.size).toBe(18);
    expect(set.labels).toMatchObject({ kind: "soft", space: "logits" });
    const image = (label: number, i: number) =>
      set.images.subarray((label * 6 + i) * 192, (label * 6 + i + 1) * 192);
    const units = [...Object.values(state.finished), state.compensator].map((unit) => unit.dataSync());
    expect(units).toHaveLength(4);
    for (let label = 0; label < 3; label++) {
      for (let row = 0; row < 2; row++) {
        for (let k = 0; k < 2; k++) {
          const compensator = units[row * 2 + k]!;
          // Pixels in [0, 1] with mean 0.5 and standard deviation 0.25 are normalised to [−2, 2].
          image(label, 2 + row * 2 + k).forEach((value, i) => {
            expect(value).toBeCloseTo(Math.min(2, Math.max(-2, image(label, row)[i]! + compensator[i]!)), 5);
          });
        }
      }
    }
    const teachers = config.teachers.map((own, k) => preparedTeacher(context, `teacher/${k}`, own));
    const scores = teachers.map(({ network, theta, statistics }) =>
      tf.tidy(() =>
        network
          .apply(theta, tf.tensor4d(set.images.slice(), [18, 8, 8, 3]), { statistics })
          .logits.dataSync(),
      ),
    );
    set.labels.values.forEach((value, i) =>
      expect(value).toBeCloseTo((scores[0]![i]! + scores[1]![i]!) / 2, 3),
    );
    teachers.forEach(disposeTeacher);
    tf.dispose([state.compensator, ...Object.values(state.finished)]);
    tf.dispose(Object.values(state.optimiser).filter((value) => value instanceof tf.Tensor));
  });

  it("need at least one teacher and one image", () => {
    expect(() => resolveConfig(infer, { config: { ipc: 0, teachers: [] } }))
      .toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: infer config: ipc: Too small: expected number to be >=1, got 0
      infer config: teachers: Too small: expected array to have >=1 items, got []]
    `);
  });
});
