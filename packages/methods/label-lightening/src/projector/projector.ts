import {
  ConfigError,
  DataError,
  decodeLabelRecords,
  encodeLabelRecords,
  imagePixels,
  normaliseImages,
  type ByteSource,
  type Normalisation,
  type ScoreModel,
  type StoredProjector,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import { bicubicResize } from "../bicubic-resize.ts";
import type { Encoder, HeadWeights } from "./encoder.ts";
import { adapterLayout, type Adapter } from "./low-rank.ts";

/** What a projector's file says beside its numbers. */
const modelSchema = z.strictObject({
  kind: z.literal("projector"),
  encoder: z.strictObject({ name: z.string(), sha256: z.string(), features: z.int().min(1) }),
  adapters: z.array(
    z.strictObject({ parameter: z.string(), rank: z.union([z.int().min(1), z.literal("full")]) }),
  ),
  /** Where the head starts: from class prototypes, which are stored, or from texts, which are not. */
  head: z.enum(["stored", "text"]),
});
type ProjectorModel = z.output<typeof modelSchema>;

/** An encoder with adapters and a head, ready to store or to score with. */
export interface Projector {
  readonly encoder: Encoder;
  readonly adapters: readonly Adapter[];
  readonly head: HeadWeights;
  /** The start of the head can be made again from the class names alone. */
  readonly headFromText: boolean;
  /** Adapters' numbers, `[parameterCount]`. */
  readonly phi: Float32Array;
}

/** The stored part of a projector: description, and float16 numbers of the adapters and, unless it comes from texts, of the head's start. */
export function packProjector({ encoder, adapters, head, headFromText, phi }: Projector): {
  readonly model: ProjectorModel;
  readonly numbers: Uint8Array;
} {
  const { name, sha256, features } = encoder;
  const all = headFromText ? phi : Float32Array.from([...phi, ...head.weight]);
  return {
    model: {
      kind: "projector",
      encoder: { name, sha256, features },
      adapters: adapters.map((each) => ({ ...each })),
      head: headFromText ? "text" : "stored",
    },
    numbers: halves(all),
  };
}

/** Float16 numbers, little-endian. */
function halves(values: Float32Array): Uint8Array {
  return encodeLabelRecords({ kind: "float16" }, values, values.length);
}

function unhalved(bytes: ByteSource): Float32Array {
  const all = bytes.read(0, bytes.byteLength);
  return decodeLabelRecords({ kind: "float16" }, all, bytes.byteLength / 2);
}

/**
 * Opens a stored projector on its encoder.
 *
 * @param textHead The head's start from the class names, where the labels say that it comes from texts.
 * @throws {ConfigError} if the encoder is another one.
 * @throws {DataError} if the stored numbers do not fit it.
 */
export function unpackProjector(
  { header, records }: StoredProjector,
  encoder: Encoder,
  textHead?: HeadWeights,
): Projector {
  const parsed = modelSchema.safeParse(header.model);
  if (!parsed.success)
    throw new DataError("projector: the labels hold no projector's description; label the set again");
  const { encoder: wanted, adapters, head: headKind } = parsed.data;
  if (wanted.sha256 !== encoder.sha256) {
    throw new ConfigError(
      `projector: its encoder is ${wanted.name} ${wanted.sha256.slice(0, 12)}, got ${encoder.name} ${encoder.sha256.slice(0, 12)}; give that encoder, or label the set again`,
    );
  }
  const { classes } = header;
  const headFromText = headKind === "text";
  if (headFromText && textHead === undefined) {
    throw new ConfigError("projector: its head starts from texts, got none; give the text encoder too");
  }
  const base = { classes, weight: new Float32Array(encoder.features * classes) };
  const { network, theta } = encoder.withHead(base);
  theta.dispose();
  const { parameterCount } = adapterLayout(network, adapters);
  const wantedNumbers = parameterCount + (headFromText ? 0 : base.weight.length);
  if (records.byteLength !== 2 * wantedNumbers) {
    throw new DataError(
      `projector: wanted ${2 * wantedNumbers} bytes for the adapters of ${encoder.name}, got ${records.byteLength}; label the set again`,
    );
  }
  const numbers = unhalved(records);
  const head = headFromText ? textHead! : { classes, weight: numbers.slice(parameterCount) };
  return { encoder, adapters, head, headFromText, phi: numbers.slice(0, parameterCount) };
}

/** A projector's scores, and how to free them. */
export interface ProjectorScores extends ScoreModel {
  dispose(): void;
}

/**
 * A projector as a model of class scores: its adapters are merged into the encoder's parameters once.
 *
 * @param normalisation Of the images that it will be given.
 */
export function projectorScores(projector: Projector, normalisation: Normalisation): ProjectorScores {
  const { encoder, adapters, head, phi } = projector;
  const { network, theta } = encoder.withHead(head);
  const merged = tf.tidy(() => adapterLayout(network, adapters).merge(theta, tf.tensor1d(phi)));
  theta.dispose();
  const prepare = encoderInput(encoder, normalisation);
  const { statistics } = encoder;
  return {
    scores: (images) =>
      network.apply(merged, prepare(images), statistics === undefined ? {} : { statistics }).logits,
    dispose: () => merged.dispose(),
  };
}

/** Images as an encoder wants them: its normalisation, and its size by bicubic resampling. Differentiable. */
export function encoderInput(
  { inputShape, normalisation }: Pick<Encoder, "inputShape" | "normalisation">,
  given: Normalisation,
): (images: tf.Tensor4D) => tf.Tensor4D {
  const [height, width] = inputShape;
  return (images) => {
    const pixels = imagePixels(images, given);
    const isSized = images.shape[1] === height && images.shape[2] === width;
    return normaliseImages(isSized ? pixels : bicubicResize(pixels, [height, width]), normalisation);
  };
}
