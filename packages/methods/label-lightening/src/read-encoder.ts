import { ConfigError, type ImageDataset, type SyntheticSet } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { CLIP_RN50, CLIP_VIT_B_32, type ClipSizes } from "./clip/clip-model.ts";
import { readClip } from "./clip/read-clip.ts";
import { readTokenizer } from "./clip/tokenizer.ts";
import { labelModelOf, type LabelModel } from "./label-model.ts";
import { zooEncoder, type Encoder, type HeadWeights } from "./projector/encoder.ts";
import { readTrainedModel } from "./read-trained-model.ts";

/** CLIPs by the names that they can be asked for, where else a network of the zoo is named. */
export const clipModels: Readonly<Record<string, ClipSizes>> = Object.fromEntries(
  [CLIP_VIT_B_32, CLIP_RN50].map((sizes) => [sizes.name, sizes]),
);

export interface EncoderFileOptions {
  /** A network of the zoo, as of `readTrainedModel`, or a key of `clips`. */
  readonly network?: string | undefined;
  /** CLIP: its tokenizer's merges; the head then starts from the class names, and is not stored. */
  readonly merges?: string | undefined;
  /** CLIP: `{}` stands for the class name. Default "a photo of a {}." */
  readonly prompt?: string | undefined;
  /** Default {@link clipModels}. */
  readonly clips?: Readonly<Record<string, ClipSizes>>;
}

/** An encoder from a file, with the head's start where texts give it. It holds tensors. */
export interface EncoderFile {
  readonly encoder: Encoder;
  readonly textHead?: HeadWeights;
  dispose(): void;
}

/**
 * An image encoder from a file: a trained network of the zoo, or a CLIP in its published layout.
 *
 * @throws {ConfigError} if merges or a prompt are given for what has no texts, or the prompt has no place for the class.
 * @throws {DataError} if the file is not one of that network, or the merges are another model's.
 */
export function readEncoder(
  path: string,
  dataset: Pick<ImageDataset, "shape" | "classes">,
  options: EncoderFileOptions = {},
): EncoderFile {
  const { network, merges, prompt } = options;
  const sizes = clipSizes(options);
  if (sizes === undefined) {
    const model = readTrainedModel(path, network, dataset);
    const { theta, statistics } = model;
    const tensors = [theta, ...(statistics?.mean ?? []), ...(statistics?.variance ?? [])];
    return { encoder: zooEncoder(model), dispose: () => tf.dispose(tensors) };
  }
  if (prompt !== undefined && merges === undefined) {
    throw new ConfigError("encoder: a prompt needs the tokenizer's merges, which are not there; give both");
  }
  const tokenizer = merges === undefined ? undefined : readTokenizer(merges, sizes.vocabulary);
  const clip = readClip(path, sizes);
  const { encoder } = clip;
  const dispose = (): void => clip.dispose();
  if (tokenizer === undefined) return { encoder, dispose };
  try {
    return { encoder, textHead: clip.textHead(dataset.classes, tokenizer, prompt), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/**
 * What scores the views of a set whose labels are not stored, from the file of its teacher or encoder; options as those of
 * {@link readEncoder}.
 *
 * @throws as {@link readEncoder} and {@link labelModelOf}.
 */
export function labelModelFromFile(
  set: SyntheticSet,
  path: string,
  dataset: Pick<ImageDataset, "shape" | "classes">,
  options: EncoderFileOptions = {},
): LabelModel {
  if (clipSizes(options) === undefined) {
    return labelModelOf(set, readTrainedModel(path, options.network, dataset));
  }
  const { encoder, textHead, dispose } = readEncoder(path, dataset, options);
  try {
    const model = labelModelOf(set, encoder, textHead);
    return {
      ...model,
      dispose() {
        model.dispose();
        dispose();
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** The CLIP that is asked for, if it is one. */
function clipSizes({
  network,
  merges,
  prompt,
  clips = clipModels,
}: EncoderFileOptions): ClipSizes | undefined {
  const sizes = network === undefined ? undefined : clips[network];
  if (sizes !== undefined || (merges === undefined && prompt === undefined)) return sizes;
  throw new ConfigError(
    `encoder: merges and prompts are for ${Object.keys(clips).join(" and ")}, got the network "${network ?? ""}"; name one of these or leave them out`,
  );
}
