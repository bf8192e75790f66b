import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { readNetwork } from "../artifact/network-file.ts";
import type { ImageDataset, ImageSplit } from "../dataset/image-dataset.ts";
import { fitZca, whitenedDataset } from "../dataset/zca.ts";
import { useBackend } from "../engine/engine.ts";
import { defineNetwork } from "../nn/define-network.ts";
import { linearLayer, flatten } from "../nn/linear-layer.ts";
import { uniform } from "../random/draw.ts";
import { foldIn, keyFromSeed, type Key } from "../random/key.ts";
import { memoryPartStore } from "../run/part-store.ts";
import { createRunContext } from "../run/run-context.ts";
import { memorySplit, toyDataset } from "../testing/toy-dataset.ts";
import { encoderKey, encoderParts } from "./encoder-parts.ts";
import { disposeTrained } from "./train-epochs.ts";
import { encoderConfig, probeEncoder, trainEncoder } from "./train-encoder.ts";

const SIDE = 12;

/**
 * What self-supervision is for: the class is a texture (stripes along, stripes across, chequers); colours, contrast and phase, which
 * fill most of the pixels' variance, say nothing about it.
 */
function textures(perClass: number): ImageDataset {
  const size = 3 * perClass;
  const labels = Int32Array.from({ length: size }, (_, i) => i % 3);
  const split = (key: Key): ImageSplit => {
    const pixels = new Uint8Array(size * SIDE * SIDE * 3);
    for (let i = 0; i < size; i++) {
      const u = uniform(foldIn(key, i), 12);
      const [dx, dy] = [Math.floor(4 * u[0]!), Math.floor(4 * u[1]!)];
      for (let p = 0; p < SIDE * SIDE; p++) {
        const [x, y] = [((p % SIDE) + dx) & 2, (Math.floor(p / SIDE) + dy) & 2];
        const isOn = [x !== 0, y !== 0, x !== y][labels[i]!]!;
        for (let c = 0; c < 3; c++) {
          const base = 0.2 + 0.6 * u[2 + c]!;
          const amplitude = 0.1 + 0.1 * u[5 + c]!;
          pixels[(i * SIDE * SIDE + p) * 3 + c] = Math.round(255 * (base + (isOn ? amplitude : -amplitude)));
        }
      }
    }
    return memorySplit(pixels, labels, SIDE * SIDE * 3);
  };
  const train = split(keyFromSeed("train"));
  const everything = train.read(Int32Array.from({ length: size }, (_, i) => i));
  return {
    ...toyDataset(),
    name: "textures",
    shape: [SIDE, SIDE, 3],
    train,
    test: split(keyFromSeed("test")),
    sha256: createHash("sha256").update(everything).digest("hex"),
  };
}

beforeAll(async () => {
  await useBackend("native");
});

describe("trainEncoder", () => {
  it.each(["convnet2-w16", "convnet2-w16-batch"])("groups textures better than a random %s", async (network) => {
    const before = tf.memory().numTensors;
    const dataset = textures(40);
    const losses: number[] = [];
    const config = encoderConfig({
      network,
      epochs: 30,
      batchSize: 30,
      temperature: 0.2,
      projection: { width: 32, outputs: 16 },
      views: { smallestCrop: 0.4, colourStrength: 1 },
      validationShare: 0.25,
    });
    const model = await trainEncoder(dataset, config, { onEpoch: ({ loss }) => losses.push(loss) });
    const percent = (await probeEncoder({ ...model, dataset, validationShare: 0.25 })).percent;
    const theta = model.network.init(foldIn(encoderKey(config), "init"));
    const random = await probeEncoder({ network: model.network, theta, dataset, validationShare: 0.25 });
    console.log(network, percent, random, losses.map((x) => x.toFixed(2)).join(" "));
    disposeTrained(model);
    theta.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
