import { expect, test } from "vitest";
import {
  augmentationRobustScore,
  hardLabelRecovery,
  improvementOverRandom,
  labelRobustScore,
} from "./fair-scores.ts";
import { storageEqual, storageOf } from "./storage.ts";
import { transferOf } from "./transfer.ts";

// α = ½·(own − random) − ½·(real − hard) takes each value of x.
test.each([
  [-1, { realHard: 1, setHard: 0, setOwn: 0, randomOwn: 1 }, 0],
  [
    0,
    { realHard: 0.5, setHard: 0.5, setOwn: 0.3, randomOwn: 0.3 },
    (1 - Math.exp(-1)) / (Math.E - Math.exp(-1)),
  ],
  [0.1, { realHard: 0.5, setHard: 0.5, setOwn: 0.5, randomOwn: 0.3 }, 0.3137],
  [1, { realHard: 0, setHard: 1, setOwn: 1, randomOwn: 0 }, 1],
])("label-robust score at α = %d", (_, accuracies, score) => {
  expect(labelRobustScore(accuracies)).toBeCloseTo(score, 4);
});

test("its parts, its weight and its sensitivity", () => {
  const accuracies = { realHard: 0.848, setHard: 0.45, setOwn: 0.5, randomOwn: 0.31 };
  expect(hardLabelRecovery(accuracies)).toBeCloseTo(0.398, 12);
  expect(improvementOverRandom(accuracies)).toBeCloseTo(0.19, 12);
  const alpha = 0.25 * 0.19 - 0.75 * 0.398;
  const squash = (x: number): number => (Math.exp(x) - Math.exp(-1)) / (Math.E - Math.exp(-1));
  expect(labelRobustScore(accuracies, 0.25)).toBeCloseTo(squash(alpha), 12);
  const even = { realHard: 0.5, setHard: 0.5, setOwn: 0.5, randomOwn: 0.5 };
  const slope = (labelRobustScore({ ...even, setOwn: 0.502 }) - labelRobustScore(even)) / 0.001;
  expect(slope).toBeCloseTo(0.4255, 3);
  expect(() => labelRobustScore({ ...even, setOwn: 48 })).toThrow(
    "labelRobustScore: setOwn must be a fraction from 0 to 1, got 48; divide percentages by 100",
  );
});

test("augmentation-robust score", () => {
  const same = { setAugmented: 0.4, randomAugmented: 0.4, setPlain: 0.2, randomPlain: 0.2 };
  expect(augmentationRobustScore(same)).toBeCloseTo(0.2689, 4);
  expect(augmentationRobustScore({ ...same, setAugmented: 0.6 })).toBeCloseTo(0.3137, 4);
  expect(augmentationRobustScore({ ...same, setPlain: 0.4 })).toBeCloseTo(0.3137, 4);
  expect(augmentationRobustScore({ ...same, setPlain: 0.4 }, 1)).toBeCloseTo(0.2689, 4);
});

test("bytes in comparable units", () => {
  // CIFAR-10, IPC 10: 100 images of 3072 float32, one byte a label.
  const real = { classes: 10, shape: [32, 32, 3], train: 50_000 } as const;
  const stored = storageOf({ images: 100 * 3072 * 4, labels: 100, decoder: 0 }, real);
  expect(stored.total).toBe(1_228_900);
  expect(stored.ipcEq).toBeCloseTo(40.003, 3);
  expect(stored.ratioRaw).toBeCloseTo(1_228_900 / 153_600_000, 12);
  expect(stored).toMatchObject({ bitsPerClass: 983_120, scalars: 307_200 });
  expect(storageEqual({ total: 100 }, { total: 99 })).toBe(true);
  expect(storageEqual({ total: 100 }, { total: 98 })).toBe(false);
});

test("transfer to other networks", () => {
  const transfer = transferOf("convnet3", [
    { network: "convnet3", set: [50, 52], random: [30, 32] },
    { network: "vgg11", set: [40, 40], random: [30, 30] },
    { network: "mlp", set: [20, 24], random: [25, 25] },
  ]);
  expect(transfer).toEqual({
    source: "convnet3",
    mean: 113 / 3,
    worst: { network: "mlp", accuracy: 22 },
    ratio: 31 / 51,
    gains: { convnet3: 20, vgg11: 10, mlp: -3 },
  });
  expect(() => transferOf("convnet3", [{ network: "mlp", set: [1], random: [1] }])).toThrow(RangeError);
});
