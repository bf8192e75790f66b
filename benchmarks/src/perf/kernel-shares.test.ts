import { useBackend } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { expect, it } from "vitest";
import { profileRun, profileText } from "./kernel-shares.ts";
import type { Workload } from "./measure.ts";

const squares: Workload = {
  name: "squares",
  unit: "three squares and a sum",
  multiplyAdds: () => 0,
  prepare() {
    const x = tf.ones([200, 200]);
    return {
      async run() {
        const sum = tf.tidy(() => tf.sum(tf.square(tf.square(tf.square(x)))));
        const [value] = await sum.data();
        sum.dispose();
        return value!;
      },
      dispose: () => x.dispose(),
    };
  },
};

it("counts every kernel of one run, keeps within the run's time and leaves nothing behind", async () => {
  await useBackend("cpu");
  const before = tf.memory().numTensors;
  const profile = await profileRun(squares);
  expect(tf.memory().numTensors).toBe(before);
  const calls = Object.fromEntries(profile.kernels.map(({ kernel, calls }) => [kernel, calls]));
  expect(calls).toMatchObject({ Square: 3, Sum: 1 });
  const sum = profile.kernels.reduce((total, { seconds }) => total + seconds, 0);
  expect(sum).toBeGreaterThan(0);
  expect(sum).toBeLessThanOrEqual(profile.seconds);
});

it("prints shares of the run, small kernels together", () => {
  const text = profileText({
    seconds: 0.2,
    kernels: [
      { kernel: "ConvBlock", calls: 3, seconds: 0.15 },
      { kernel: "Slice", calls: 40, seconds: 0.001 },
    ],
  });
  expect(text.split("\n").map((line) => line.trim().replace(/ +/g, " "))).toEqual([
    "ConvBlock 3 calls 150.0 ms 75.0 %",
    "other kernels 40 calls 1.0 ms 0.5 %",
    "between kernels calls 49.0 ms 24.5 %",
  ]);
});
