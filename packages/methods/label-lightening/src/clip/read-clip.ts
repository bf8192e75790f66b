import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { DataError, readSafetensors, type ParameterEntry, type SafetensorsTensor } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Encoder, HeadWeights } from "../projector/encoder.ts";
import { CLIP_NORMALISATION, CLIP_VIT_B_32, type ClipSizes } from "./clip-model.ts";
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
   * @throws {ConfigError} if a prompt has more tokens than the model takes.
   * @throws {DataError} if the tokenizer is another model's.
   */
  textHead(classes: readonly string[], tokenizer: Tokenizer, template?: string): HeadWeights;
  dispose(): void;
}

/** Counters that older files hold. */
const IGNORED = new Set(["text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"]);
/** Header and counters of a file beyond its numbers. */
const SLACK_BYTES = 2 ** 20;

/**
 * Reads a CLIP with a vision transformer in the published safetensors layout (tensors as `openai/clip-vit-base-patch32` names them).
 * Everything that the model has must be there in its shape, and nothing else.
 *
 * @param sizes Default those of ViT-B/32.
 * @throws {DataError} naming tensors that are missing, extra, mis-shaped, not float32 or not finite, or a file much larger than the
 *   model.
 */
export function readClip(path: string, sizes: ClipSizes = CLIP_VIT_B_32): Clip {
  const text = textEncoder(sizes);
  const vision = visionNetwork(sizes, 1, 1);
  // The head is not the file's.
  const visionParameters = vision.parameters.filter(({ name }) => !name.startsWith("head/"));
  const entries = [
    ...visionParameters.map((entry) => ({ ...entry, stored: visionName(entry.name) })),
    ...text.parameters.map((entry) => ({ ...entry, stored: textName(entry.name) })),
  ];
  const numbers = 1 + entries.reduce((sum, { size }) => sum + size, 0);
  checkFileSize(path, 4 * numbers, sizes);
  const { tensors } = readSafetensors(path);
  checkNames(path, sizes, new Set(["logit_scale", ...entries.map(({ stored }) => stored)]), tensors);
  const scale = Math.exp(values(path, "logit_scale", [], tensors)[0]!);
  const visionTheta = flat(path, visionParameters, visionName, tensors);
  const textTheta = flat(path, text.parameters, textName, tensors);
  const sha256 = createHash("sha256").update(`${sizes.name} ${scale}`).update(visionTheta).digest("hex");
  const thetas = { vision: tf.tensor1d(visionTheta), text: tf.tensor1d(textTheta) };
  return {
    sizes,
    encoder: {
      sha256,
      name: sizes.name,
      inputShape: [sizes.image, sizes.image, 3],
      features: sizes.features,
      normalisation: CLIP_NORMALISATION,
      withHead: ({ classes, weight }) => ({
        network: visionNetwork(sizes, classes, scale),
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
      const prompts = classes.map((name) => tokenizer.encode(template.replace("{}", name), sizes.context));
      const rows = tf.tidy(() => {
        const features = prompts.map((tokens) => text.embed(thetas.text, tokens));
        return tf.transpose(tf.concat(features)).dataSync();
      });
      return { classes: classes.length, weight: Float32Array.from(rows) };
    },
    dispose: () => tf.dispose([thetas.vision, thetas.text]),
  };
}

const TOWER_NAMES: Readonly<Record<string, string>> = {
  norm1: "layer_norm1",
  norm2: "layer_norm2",
  hidden: "mlp.fc1",
  out: "mlp.fc2",
  "attention/query": "self_attn.q_proj",
  "attention/key": "self_attn.k_proj",
  "attention/value": "self_attn.v_proj",
  "attention/out": "self_attn.out_proj",
};

/** `block3/attention/query/weight` → `TOWER.encoder.layers.3.self_attn.q_proj.weight`. */
function blockName(tower: string, name: string): string {
  const [, layer, part, kind] = /^block(\d+)\/(.+)\/(\w+)$/.exec(name)!;
  const stored = kind === "gamma" ? "weight" : kind === "beta" ? "bias" : kind;
  return `${tower}.encoder.layers.${layer}.${TOWER_NAMES[part!]!}.${stored}`;
}

const VISION_NAMES: Readonly<Record<string, string>> = {
  "patches/filter": "vision_model.embeddings.patch_embedding.weight",
  class: "vision_model.embeddings.class_embedding",
  positions: "vision_model.embeddings.position_embedding.weight",
  // Published with this spelling.
  "before/gamma": "vision_model.pre_layrnorm.weight",
  "before/beta": "vision_model.pre_layrnorm.bias",
  "after/gamma": "vision_model.post_layernorm.weight",
  "after/beta": "vision_model.post_layernorm.bias",
  "projection/weight": "visual_projection.weight",
};

function visionName(name: string): string {
  return VISION_NAMES[name] ?? blockName("vision_model", name);
}

const TEXT_NAMES: Readonly<Record<string, string>> = {
  tokens: "text_model.embeddings.token_embedding.weight",
  positions: "text_model.embeddings.position_embedding.weight",
  "after/gamma": "text_model.final_layer_norm.weight",
  "after/beta": "text_model.final_layer_norm.bias",
  "projection/weight": "text_projection.weight",
};

function textName(name: string): string {
  return TEXT_NAMES[name] ?? blockName("text_model", name);
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
  const extra = Object.keys(tensors).filter((each) => !wanted.has(each) && !IGNORED.has(each));
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

/** The parameters one after the other in our layout: filters and weights transposed. */
function flat(
  path: string,
  entries: readonly ParameterEntry[],
  nameOf: (name: string) => string,
  tensors: Tensors,
): Float32Array {
  const first = entries[0]!.offset;
  const last = entries.at(-1)!;
  const theta = new Float32Array(last.offset + last.size - first);
  for (const { name, shape, offset } of entries) {
    const stored = nameOf(name);
    const isFilter = name.endsWith("/filter");
    const isWeight = name.endsWith("/weight");
    const theirs = isFilter
      ? [shape[3]!, shape[2]!, shape[0]!, shape[1]!]
      : isWeight
        ? [...shape].reverse()
        : shape;
    const data = values(path, stored, theirs, tensors);
    const moved = isFilter || isWeight ? tf.tidy(() => transposed(data, theirs)) : data;
    theta.set(moved, offset - first);
  }
  return theta;
}

/** Filters [O, I, h, w] → [h, w, I, O]; weights [out, in] → [in, out]. */
function transposed(data: Float32Array, shape: readonly number[]): Float32Array {
  const x = tf.tensor(data, [...shape]);
  return tf.transpose(x, shape.length === 4 ? [2, 3, 1, 0] : [1, 0]).dataSync() as Float32Array;
}
