import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  createNetwork,
  encodeSafetensors,
  keyFromSeed,
  readSafetensors,
  useBackend,
  type SafetensorsTensor,
} from "@limbeck/core";
import { toyDataset, toySet } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bicubicResize } from "../bicubic-resize.ts";
import { labelModelOf } from "../label-model.ts";
import { labelByProjector } from "../projector/label-by-projector.ts";
import { networkTeacher } from "../teacher.ts";
import { readClip } from "./read-clip.ts";
import { fixture, merges, TINY, TINY_RESIDUAL, weights } from "./testing/tiny-clip.ts";
import { readTokenizer } from "./tokenizer.ts";

const recorded = JSON.parse(readFileSync(fixture("tiny-clip.json"), "utf8")) as Record<
  | "images"
  | "imageFeatures"
  | "textFeatures"
  | "scores"
  | "small"
  | "smallResized"
  | "large"
  | "largeResized",
  number[]
> & { readonly prompts: string[]; readonly tokens: number[][] };
const residual = JSON.parse(readFileSync(fixture("tiny-clip-residual.json"), "utf8")) as typeof recorded;
const folder = mkdtempSync(join(tmpdir(), "clip-"));
beforeAll(async () => {
  await useBackend("native");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** float32 through two blocks against recorded float64. */
const F32_TOLERANCE = 1e-5;

test("tokens are those of the reference, from plain or packed merges", () => {
  const tokenizer = readTokenizer(merges, 520);
  expect(recorded.prompts.map((prompt) => tokenizer.encode(prompt, 77))).toEqual(recorded.tokens);
  const packed = join(folder, "merges.gz");
  writeFileSync(packed, gzipSync(readFileSync(merges)));
  expect(readTokenizer(packed, 520).encode("cat dog", 77)).toEqual(tokenizer.encode("cat dog", 77));
});

test("a prompt beyond the context, and a vocabulary of another model, are refused", () => {
  const tokenizer = readTokenizer(merges, 520);
  expect(tokenizer.encode("cat ".repeat(75), 77)).toHaveLength(77);
  expect(() => tokenizer.encode("cat ".repeat(76), 77)).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: tokenizer: a prompt may have 77 tokens with its start and end, got 78: "cat cat cat cat cat cat cat cat cat cat …"; shorten it]`,
  );
  expect(() => readTokenizer(merges, 49408)).toThrow("wanted 48894 merges for 49408 tokens, got 6");
  const broken = join(folder, "broken.txt");
  writeFileSync(broken, "#version\na b c\n");
  expect(() => readTokenizer(broken, 515)).toThrow('line 2 must hold two parts of a merge, got "a b c"');
  const clip = readClip(weights, TINY);
  const fewer = readTokenizer(merges, 519);
  expect(() => clip.textHead(["cat"], fewer)).toThrow("wanted a tokenizer of 520 tokens, got one of 519");
  clip.dispose();
});

test("image features, text features and class scores are those that PyTorch recorded in float64", () => {
  const before = tf.memory().numTensors;
  const clip = readClip(weights, TINY);
  const head = clip.textHead(recorded.prompts, readTokenizer(merges, 520), "{}");
  const unit = (row: readonly number[]): number[] => row.map((value) => value / Math.hypot(...row));
  const texts = [0, 1].map((n) => unit(recorded.textFeatures.slice(6 * n, 6 * n + 6)));
  head.weight.forEach((value, i) => {
    expect(Math.abs(value - texts[i % 2]![Math.floor(i / 2)]!)).toBeLessThan(F32_TOLERANCE);
  });
  const { network, theta } = clip.encoder.withHead(head);
  const images = tf.tensor4d(recorded.images, [2, 8, 8, 3]);
  const { logits, embedding } = network.apply(theta, images);
  const features = [0, 1].flatMap((n) => unit(recorded.imageFeatures.slice(6 * n, 6 * n + 6)));
  const scale = Math.exp(2);
  embedding.dataSync().forEach((value, i) => {
    expect(Math.abs(value / scale - features[i]!)).toBeLessThan(F32_TOLERANCE);
  });
  logits.dataSync().forEach((value, i) => {
    expect(Math.abs(value - recorded.scores[i]!)).toBeLessThan(10 * F32_TOLERANCE);
  });
  tf.dispose([images, theta, logits, embedding]);
  clip.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test("the original layout with a residual network: the same, with the statistics of the file", () => {
  const before = tf.memory().numTensors;
  const sizes = TINY_RESIDUAL;
  const clip = readClip(fixture("tiny-clip-residual.safetensors"), sizes);
  const head = clip.textHead(residual.prompts, readTokenizer(merges, 520), "{}");
  const unit = (row: readonly number[]): number[] => row.map((value) => value / Math.hypot(...row));
  const texts = [0, 1].map((n) => unit(residual.textFeatures.slice(6 * n, 6 * n + 6)));
  head.weight.forEach((value, i) => {
    expect(Math.abs(value - texts[i % 2]![Math.floor(i / 2)]!)).toBeLessThan(F32_TOLERANCE);
  });
  const { network, theta } = clip.encoder.withHead(head);
  const images = tf.tensor4d(residual.images, [2, 64, 64, 3]);
  const { logits, embedding } = network.apply(theta, images, { statistics: clip.encoder.statistics! });
  logits.dataSync().forEach((value, i) => {
    expect(Math.abs(value - residual.scores[i]!)).toBeLessThan(20 * F32_TOLERANCE);
  });
  tf.dispose([theta, images, logits, embedding]);
  clip.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test("it takes the place of an encoder: a head from texts needs no bytes, larger images come to size", async () => {
  const clip = readClip(weights, TINY);
  const dataset = toyDataset({ shape: [6, 6, 3], classes: 2 });
  const { classes } = dataset;
  const normalisation = { kind: "mean-std", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
  const set = { ...toySet({ classes, shape: [6, 6, 3] }), normalisation };
  const network = createNetwork("convnet1-w4", { inputShape: [6, 6, 3], classes: 2 });
  const theta = network.init(keyFromSeed(1));
  const textHead = clip.textHead(classes, readTokenizer(merges, 520));
  const losses: number[] = [];
  const labelled = await labelByProjector(set, {
    teacher: networkTeacher({ network, theta, classes, normalisation }),
    encoder: clip.encoder,
    dataset,
    textHead,
    config: {
      encoderRank: 1,
      headRank: 1,
      steps: 30,
      batchSize: 8,
      learningRate: 0.02,
      classWeight: 0,
      augmentation: "none",
    },
    onStep: (_, __, loss) => losses.push(loss),
  });
  expect(losses.at(-1)!).toBeLessThan(0.5 * losses[0]!);
  if (labelled.labels.kind !== "projector") throw new Error(labelled.labels.kind);
  // Patches 48×8, two blocks of four 8×8, 8×32 and 32×8, projection 8×6, head 6×2, rank 1 each, and the head's bias.
  const numbers = 56 + 2 * (4 * 16 + 2 * 40) + 14 + 8 + 2;
  expect(labelled.labels.projector.records.byteLength).toBe(2 * numbers);
  expect(() => labelModelOf(labelled, clip.encoder)).toThrow("its head starts from texts, got none");
  const model = labelModelOf(labelled, clip.encoder, textHead);
  const scores = tf.tidy(() => model.scores(tf.tensor4d(set.images, [4, 6, 6, 3])).arraySync());
  expect(scores.flat().every(Number.isFinite)).toBe(true);
  model.dispose();
  theta.dispose();
  clip.dispose();
});

test("files with missing, extra, mis-shaped, damaged or too many numbers are refused", () => {
  const path = join(folder, "changed.safetensors");
  const file = readSafetensors(weights);
  const changed = (change: (tensors: Record<string, SafetensorsTensor>) => void): string => {
    const tensors = { ...file.tensors };
    change(tensors);
    writeFileSync(path, encodeSafetensors({ ...file, tensors }));
    return path;
  };
  const refused = (change: (tensors: Record<string, SafetensorsTensor>) => void) =>
    expect(() => readClip(changed(change), TINY));
  const data = new Float32Array(8);
  refused((tensors) => delete tensors["vision_model.pre_layrnorm.bias"]).toThrow(
    "wanted the tensors of tiny-clip, got a file without vision_model.pre_layrnorm.bias",
  );
  refused((tensors) => (tensors["surprise"] = { shape: [8], data })).toThrow(
    "got a file with surprise, which it has not",
  );
  refused((tensors) => (tensors["vision_model.post_layernorm.bias"] = { shape: [2, 4], data })).toThrow(
    "vision_model.post_layernorm.bias must have shape [8], got [2,4]",
  );
  const infinite = new Float32Array(8).fill(Infinity);
  refused(
    (tensors) => (tensors["vision_model.post_layernorm.bias"] = { shape: [8], data: infinite }),
  ).toThrow("holds numbers that are not finite");
  const whole = new Int32Array(8);
  refused((tensors) => (tensors["vision_model.post_layernorm.bias"] = { shape: [8], data: whole })).toThrow(
    "must be float32",
  );
  refused((tensors) => (tensors["large"] = { shape: [2 ** 19], data: new Float32Array(2 ** 19) })).toThrow(
    /wanted about \d+ bytes for tiny-clip, got \d+; give the file of this model/,
  );
  changed(() => undefined);
  truncateSync(path, 20_000);
  expect(() => readClip(path, TINY)).toThrow("the file is damaged or not safetensors");
  expect(() => readClip(join(folder, "none"), TINY)).toThrow("cannot be read");
});

test("bicubic resampling is the picture libraries', larger and smaller", () => {
  tf.tidy(() => {
    const cases = [
      [[1, 5, 7, 2], recorded.small, recorded.smallResized],
      [[1, 12, 9, 2], recorded.large, recorded.largeResized],
    ] as const;
    for (const [shape, images, wanted] of cases) {
      const found = bicubicResize(tf.tensor4d(images, [...shape]), [8, 8]).dataSync();
      found.forEach((value, i) => expect(Math.abs(value - wanted[i]!)).toBeLessThan(F32_TOLERANCE));
    }
  });
});
