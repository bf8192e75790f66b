import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import {
  ConfigError,
  DataError,
  readSafetensors,
  type Network,
  type NetworkStatistics,
  type ParameterEntry,
  type SafetensorsTensor,
  numbersOf,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Encoder, HeadWeights } from "../projector/encoder.ts";
import { CLIP_NORMALISATION, CLIP_VIT_B_32, type ClipSizes } from "./clip-model.ts";
import { residualNetwork } from "./residual-network.ts";
import { originalTextName, residualName, textName, visionName, type StoredName } from "./tensor-names.ts";
import { textEncoder } from "./text-encoder.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { visionNetwork } from "./vision-network.ts";

/** A CLIP from a file. It holds tensors: {@link Clip.dispose}. */
export interface Clip {
  readonly sizes: ClipSizes;
  /** Its image side, without a head. */
  readonly encoder: Encoder;
  /**
   * Unit text features of class prompts as a head, `[D, K]`: with them the encoder classifies without training.
   *
   * @param template Its `{}` stands for the class name.
   * @throws {ConfigError} if a prompt has more tokens than the model takes, or the template has no place for the class.
   * @throws {DataError} if the tokenizer is another model's.
   */
  textHead(classes: readonly string[], tokenizer: Tokenizer, template?: string): HeadWeights;
  dispose(): void;
}

/** Counters that files hold beside their numbers. */
const IGNORED = /position_ids$|num_batches_tracked$/;
/** Header and counters of a file beyond its numbers. */
const SLACK_BYTES = 2 ** 20;

/**
 * Reads a CLIP in its published safetensors layout: with a vision transformer the tensors as `openai/clip-vit-base-patch32` names them, with a
 * residual network as the original release and open_clip do. Everything that the model has must be there in its shape, and nothing
 * else.
 *
 * @param sizes Default those of ViT-B/32.
 * @throws {DataError} naming tensors that are missing, extra, mis-shaped, not float32 or not finite, or a file much larger than the
 *   model.
 */
export function readClip(path: string, sizes: ClipSizes = CLIP_VIT_B_32): Clip {
  const text = textEncoder(sizes);
  const visionFor = (classes: number, scale: number): Network =>
    sizes.kind === "transformer"
      ? visionNetwork(sizes, classes, scale)
      : residualNetwork(sizes, classes, scale);
  const [ofVision, ofText] =
    sizes.kind === "transformer" ? [visionName, textName] : [residualName, originalTextName];
  // The head is not the file's.
  const visionEntries = visionFor(1, 1)
    .parameters.filter(({ name }) => !name.startsWith("head/"))
    .map((entry) => ({ ...entry, stored: ofVision(entry.name) }));
  const textEntries = text.parameters.map((entry) => ({ ...entry, stored: ofText(entry.name) }));
  const entries = [...visionEntries, ...textEntries];
  const layers = sizes.kind === "transformer" ? [] : normalisedLayers(visionEntries);
  const statisticsCount = layers.reduce((sum, { size }) => sum + 2 * size, 0);
  checkFileSize(path, 4 * (1 + statisticsCount + entries.reduce((sum, { size }) => sum + size, 0)), sizes);
  const { tensors } = readSafetensors(path);
  const names = [
    ...entries.map(({ stored }) => stored.tensor),
    ...layers.flatMap(({ mean, variance }) => [mean, variance]),
  ];
  checkNames(path, sizes, new Set(["logit_scale", ...names]), tensors);
  const scale = Math.exp(values(path, "logit_scale", [], tensors)[0]!);
  const visionTheta = flat(path, visionEntries, tensors);
  const textTheta = flat(path, textEntries, tensors);
  const running = layers.flatMap(({ mean, variance, size }) =>
    [mean, variance].map((name) => values(path, name, [size], tensors)),
  );
  const hash = createHash("sha256").update(`${sizes.name} ${scale}`).update(visionTheta);
  for (const each of running) hash.update(each);
  const thetas = { vision: tf.tensor1d(visionTheta), text: tf.tensor1d(textTheta) };
  const kept = running.map((each) => tf.tensor1d(each));
  const statistics: NetworkStatistics = {
    mean: kept.filter((_, i) => i % 2 === 0),
    variance: kept.filter((_, i) => i % 2 === 1),
  };
  return {
    sizes,
    encoder: {
      sha256: hash.digest("hex"),
      name: sizes.name,
      inputShape: [sizes.image, sizes.image, 3],
      features: sizes.features,
      normalisation: CLIP_NORMALISATION,
      ...(layers.length === 0 ? {} : { statistics }),
      withHead: ({ classes, weight }) => ({
        network: visionFor(classes, scale),
        theta: tf.tidy(() =>
          tf.concat([thetas.vision, tf.tensor1d(weight.slice()), tf.zeros<tf.Rank.R1>([classes])]),
        ),
      }),
    },
    textHead(classes, tokenizer, template = "a photo of a {}.") {
      if (tokenizer.size !== sizes.vocabulary) {
        throw new DataError(
          `${sizes.name}: wanted a tokenizer of ${sizes.vocabulary} tokens, got one of ${tokenizer.size}; give the merges of this model`,
        );
      }
      if (!template.includes("{}")) {
        throw new ConfigError(
          `${sizes.name}: wanted a prompt in which {} stands for the class, got "${template}"; put {} where the class name goes`,
        );
      }
      const prompts = classes.map((name) => tokenizer.encode(template.replace("{}", name), sizes.context));
      const weight = numbersOf(() => {
        const features = prompts.map((tokens) => text.embed(thetas.text, tokens));
        return tf.transpose(tf.concat(features));
      });
      return { classes: classes.length, weight };
    },
    dispose: () => tf.dispose([thetas.vision, thetas.text, ...kept]),
  };
}

type Tensors = Readonly<Record<string, SafetensorsTensor>>;

function checkFileSize(path: string, wanted: number, { name }: ClipSizes): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined || size <= wanted + SLACK_BYTES) return;
  throw new DataError(
    `${path}: wanted about ${wanted} bytes for ${name}, got ${size}; give the file of this model, in float32`,
  );
}

function checkNames(path: string, { name }: ClipSizes, wanted: ReadonlySet<string>, tensors: Tensors): void {
  const missing = [...wanted].filter((each) => !(each in tensors));
  const extra = Object.keys(tensors).filter((each) => !wanted.has(each) && !IGNORED.test(each));
  if (missing.length === 0 && extra.length === 0) return;
  const listed = (names: readonly string[]): string =>
    `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`;
  const faults = [
    ...(missing.length > 0 ? [`without ${listed(missing)}`] : []),
    ...(extra.length > 0 ? [`with ${listed(extra)}, which it has not`] : []),
  ];
  throw new DataError(`${path}: wanted the tensors of ${name}, got a file ${faults.join(" and ")}`);
}

function values(path: string, name: string, shape: readonly number[], tensors: Tensors): Float32Array {
  const { shape: got, data } = tensors[name]!;
  if (String(got) !== String(shape)) {
    throw new DataError(`${path}: ${name} must have shape [${shape}], got [${got}]`);
  }
  if (!(data instanceof Float32Array)) throw new DataError(`${path}: ${name} must be float32`);
  if (!data.every(Number.isFinite)) throw new DataError(`${path}: ${name} holds numbers that are not finite`);
  return data;
}

type Stored = ParameterEntry & { readonly stored: StoredName };

/** Batch normalisations in layer order, and where their running statistics lie. */
function normalisedLayers(entries: readonly Stored[]) {
  return entries
    .filter(({ name }) => name.endsWith("/gamma"))
    .map(({ stored, size }) => {
      const module = stored.tensor.slice(0, stored.tensor.lastIndexOf("."));
      return { size, mean: `${module}.running_mean`, variance: `${module}.running_var` };
    });
}

/** The parameters one after the other in our layout: filters and weights transposed. */
function flat(path: string, entries: readonly Stored[], tensors: Tensors): Float32Array {
  const first = entries[0]!.offset;
  const last = entries.at(-1)!;
  const theta = new Float32Array(last.offset + last.size - first);
  for (const entry of entries) theta.set(ownLayout(path, entry, tensors), entry.offset - first);
  return theta;
}

function ownLayout(path: string, { name, shape, size, stored }: Stored, tensors: Tensors): Float32Array {
  const isFilter = name.endsWith("/filter");
  const isTurned = isFilter || (name.endsWith("/weight") && stored.isUpright !== true);
  const theirs = isFilter
    ? [shape[3]!, shape[2]!, shape[0]!, shape[1]!]
    : isTurned
      ? [...shape].reverse()
      : shape;
  const { tensor, third } = stored;
  const whole = third === undefined ? theirs : [3 * theirs[0]!, ...theirs.slice(1)];
  const all = values(path, tensor, whole, tensors);
  const data = third === undefined ? all : all.subarray(third * size, (third + 1) * size);
  return isTurned ? numbersOf(() => transposed(data.slice(), theirs)) : data;
}

/** Filters [O, I, h, w] → [h, w, I, O]; weights [out, in] → [in, out]. */
function transposed(data: Float32Array, shape: readonly number[]): tf.Tensor {
  const x = tf.tensor(data, [...shape]);
  return tf.transpose(x, shape.length === 4 ? [2, 3, 1, 0] : [1, 0]);
}
