import { gunzipSync } from "node:zlib";
import { protocolNamed, randomSubset, recipeFor } from "@limbeck/benchmarks";
import {
  classPositions,
  decodeLabelRecords,
  normalisePixels,
  type ImageDataset,
  type Normalisation,
  type StoredViews,
  type SyntheticSet,
} from "@limbeck/core";
import type { PackedImages, TestImages, Training } from "./model.ts";
import { pack, packImages } from "./pack.ts";
import { evaluateCommand } from "./repeat-command.ts";
import { pixelsOf } from "./set-pictures.ts";
import { shownText } from "./shown-text.ts";

/** The protocol of training in the page: ends within seconds to minutes. */
const PROTOCOL = "start-v1";
/** Bytes of a teacher's scores that the page carries. */
const MOST_SCORES = 8e6;

/**
 * A sample of a test split, as equally many images of each class as possible, evenly spaced.
 *
 * @param count Images wanted; fewer where the split has fewer.
 */
export function sampleTestImages({ name, test, classes }: ImageDataset, count: number): TestImages {
  const members = classPositions(test.labels, classes.length);
  const each = Math.max(1, Math.round(count / classes.length));
  const positions = members.flatMap((own) => {
    const taken = Math.min(each, own.length);
    return Array.from({ length: taken }, (_, i) => own[Math.floor((i * own.length) / taken)]!);
  });
  return {
    dataset: shownText(name),
    images: pack(test.read(positions)),
    labels: positions.map((position) => test.labels[position]!),
    of: test.size,
  };
}

/** The test images as networks of a whitened set see them, 8 bits: they are only tested on. */
export function whitenTestImages(
  { images, labels }: TestImages,
  shape: SyntheticSet["shape"],
  normalisation: Normalisation,
): PackedImages {
  const pixels = new Uint8Array(gunzipSync(Buffer.from(images, "base64")));
  const whitened = normalisePixels(pixels, shape, normalisation);
  const packed = packImages(Float32Array.from(whitened.dataSync()), labels.length, 8);
  whitened.dispose();
  return packed;
}

/** Why the page cannot train on a set's labels; undefined where it can. */
export function untrainableLabels(set: SyntheticSet, path: string): string | undefined {
  const { labels } = set;
  const command = (protocol: string): string =>
    evaluateCommand(path, { network: "convnet3", protocol, seeds: [0, 1, 2] });
  if (labels.kind === "projector") {
    return `Its labels come from a model on an encoder that the page does not have; ${command("sre2l-v1")} --teacher FILE trains on them.`;
  }
  if (labels.kind !== "views") return undefined;
  const { views, codec } = labels.views.header;
  const bytes = labels.views.records.byteLength;
  if (views.kind === "augmented") {
    return `Its labels (${bytes} bytes, ${codec.kind}) belong to the augmented views of one certain training, which the page does not repeat; ${command("sre2l-v1")} does.`;
  }
  if (bytes > MOST_SCORES) {
    return `Its ${bytes} bytes of labels are too many for a page; ${command("sre2l-v1")} trains on them.`;
  }
  return undefined;
}

/**
 * What training on a set in the page needs beside the set and test images. Sets whose images are whitened bring them whitened, for the
 * matrix is too large to carry.
 *
 * @param set One whose labels are not {@link untrainableLabels}.
 * @param shown Positions of all its images in the order in which the page has them.
 */
export function trainingOf(
  set: SyntheticSet,
  shown: readonly number[],
  dataset: ImageDataset,
): Omit<Training, "test" | "whitenedTest"> {
  const { normalisation, shape, provenance, labels, factor = 1 } = set;
  const random = randomSubset({ ...dataset, normalisation }, provenance.ipc, 0);
  const depth = Math.max(3, Math.round(Math.log2(shape[0])) - 2);
  const whitened = normalisation.kind === "zca";
  const all = Array.from({ length: random.size }, (_, i) => i);
  return {
    input: whitened
      ? { kind: "whitened", images: packImages(inOrder(set.images, shown), shown.length, 16) }
      : { kind: "mean-std", mean: normalisation.mean, std: normalisation.std },
    protocol: PROTOCOL,
    recipe: { ...recipeFor(protocolNamed(PROTOCOL), dataset, set) },
    networks: [`convnet${depth}-w32`, `convnet${depth}-w64`, `convnet${depth}`],
    random: {
      images: whitened
        ? packImages(random.images, random.size, 16)
        : packImages(pixelsOf(random, all), random.size, 8),
      labels: Array.from((random.labels as { values: Int32Array }).values),
    },
    ...(labels.kind === "views" ? { scores: pack(scoresOf(labels.views, shown, factor ** 2)) } : {}),
  };
}

/** Scores of the decoded images, `[N·patches, K]` float32, as bytes; rows n, n + N, … belong to image n. */
function scoresOf(
  { header: { codec, classes }, records }: StoredViews,
  shown: readonly number[],
  patches: number,
): Uint8Array {
  const values = decodeLabelRecords(codec, records.read(0, records.byteLength), classes);
  const rows = Array.from({ length: patches }, (_, patch) =>
    shown.map((position) => patch * shown.length + position),
  );
  return new Uint8Array(inOrder(values, rows.flat()).buffer);
}

/** Rows of a matrix of as many rows, in another order. */
function inOrder(values: Float32Array, order: readonly number[]): Float32Array {
  const length = values.length / order.length;
  const out = new Float32Array(values.length);
  order.forEach((from, to) => out.set(values.subarray(from * length, (from + 1) * length), to * length));
  return out;
}
