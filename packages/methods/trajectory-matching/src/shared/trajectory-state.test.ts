import { useBackend } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { trajectoryConfigShape, type TrajectoryConfig } from "./config.ts";
import { initialState, updatedState, type TrajectoryState } from "./trajectory-state.ts";

const schema = z.object(trajectoryConfigShape);
const configWith = (gradientLimit: TrajectoryConfig["gradientLimit"]): TrajectoryConfig =>
  schema.parse({ ipc: 1, imageLearningRate: 1, imageMomentum: 0, gradientLimit });
/** A gradient of that length, along (3, 4). */
const gradientOf = (length: number) => ({
  loss: 0.5,
  images: tf.tensor4d([0.6 * length, 0.8 * length], [1, 1, 2, 1]),
  stepSize: 1,
});
const pixels = ({ images }: TrajectoryState): number[] => [...images.dataSync()];

describe("gradientLimit", () => {
  beforeAll(() => useBackend("cpu"));
  const fresh = (): TrajectoryState => initialState(tf.zeros([1, 1, 2, 1]), configWith("none"));

  it("holds back a step whose gradient is longer than so many times its running mean, and that one alone", () => {
    const config = configWith(5);
    const first = updatedState(fresh(), gradientOf(2), config);
    expect(first.gradientLength).toBeCloseTo(2, 6);
    const second = updatedState(first, gradientOf(9.9), config);
    expect(second.gradientLength).toBeCloseTo(0.9 * 2 + 0.1 * 9.9, 5);
    expect(pixels(second)[0]).toBeCloseTo(-0.6 * (2 + 9.9), 5);
    const held = updatedState(second, gradientOf(5.01 * second.gradientLength!), config);
    expect(held).toEqual({ ...second, guarded: 1 });
    expect(held.images).toBe(second.images);
    const after = updatedState(held, gradientOf(2), config);
    expect(after.guarded).toBe(0);
    expect(after.stepSize).not.toBe(held.stepSize);
  });

  it("is off by default, and begins anew where it was off", () => {
    const moved = updatedState(fresh(), gradientOf(2), configWith("none"));
    const further = updatedState(moved, gradientOf(2e6), configWith("none"));
    expect(pixels(further)[1]! / (-0.8 * (2 + 2e6))).toBeCloseTo(1, 6);
    expect(further.gradientLength).toBe(0);
    // A checkpoint of a version without the option.
    const { gradientLength: _, ...older } = moved;
    expect(updatedState(older, gradientOf(7), configWith(5)).gradientLength).toBeCloseTo(7, 5);
    // Held back by its loss it can be written again: every value is there.
    const held = updatedState(
      older,
      { ...gradientOf(7), loss: 2 },
      { ...configWith("none"), lossThreshold: 1 },
    );
    expect(held).toEqual({ ...older, guarded: 1, gradientLength: 0 });
  });

  it("ends a run that it holds back for ever, saying why", () => {
    const state = { ...updatedState(fresh(), gradientOf(1), configWith(5)), guarded: 199 };
    expect(() => updatedState(state, gradientOf(8), configWith(5))).toThrow(
      /diverged: in 200 steps in a row the gradient of the images was longer than 5(\.0+\d*)?, now 8/,
    );
  });
});
