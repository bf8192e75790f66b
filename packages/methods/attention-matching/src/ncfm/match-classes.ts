import * as tf from "@tensorflow/tfjs-core";
import {
  choice,
  ensureGradients,
  foldIn,
  normaliseImages,
  samplesAtOnce,
  type Key,
  type Network,
  type RunContext,
} from "@limbeck/core";
import { classGroups } from "../shared/class-groups.ts";
import { addTerms, gradientWithTerms } from "../shared/gradient-with-terms.ts";
import { concatenate, siamese, syntheticBatch } from "../shared/synthetic-batch.ts";
import { unitRows } from "../shared/unit-rows.ts";
import type { NcfmConfig } from "./config.ts";
import { discrepancyOf, type Discrepancy } from "./discrepancy.ts";
import { gaussian, type SamplingNetwork } from "./sampling-network.ts";

/** Real images that go through the network at once: no derivative is taken in them. */
const REAL_CHUNK = 256;

/** A sampling network with its parameters of this iteration. */
export interface Sampler {
  readonly network: SamplingNetwork;
  readonly parameters: tf.Tensor1D;
}

/** Tensors belong to the caller. */
export interface MatchedClasses {
  /** In the pixels of all classes, `[K·ipc, H, W, C]`. */
  readonly gradient: tf.Tensor4D;
  /** In the parameters of the sampling network, of the same distance, `[P]`. */
  readonly samplerGradient?: tf.Tensor1D;
  /** Sums over classes: the weighted discrepancy under its name, and what it consists of. */
  readonly terms: Readonly<Record<string, number>>;
}

/**
 * Discrepancy of every class between a real batch and the stored images, decoded, under one extractor and the same siamese
 * augmentation; with its gradient in the pixels.
 *
 *     L = weight · Σ_c D( f_θ(A_c(R_c)), f_θ(A_c(decode(S_c))) )
 *
 * Call it inside `tf.tidy`.
 *
 * @param key Of the step.
 */
export function matchClasses(
  context: RunContext,
  pixels: tf.Tensor4D,
  config: NcfmConfig,
  theta: tf.Tensor1D,
  sampler: Sampler | undefined,
  key: Key,
): MatchedClasses {
  ensureGradients();
  const network = context.network(config.network);
  const stored = config.ipc * config.factor ** 2;
  const groups = classGroups(context.dataset.classes.length, Math.max(stored, config.realBatch));
  const terms: Record<string, number> = {};
  const gradients: tf.Tensor4D[] = [];
  const ascents: tf.Tensor1D[] = [];
  for (const group of groups) {
    const [gradient, ascent] = tf.tidy(() => {
      const matched = matchGroup({ context, config, network, theta, sampler, key, group }, pixels);
      addTerms(terms, matched.terms);
      return [matched.gradient, ...(matched.ascent === undefined ? [] : [matched.ascent])];
    }) as [tf.Tensor4D, tf.Tensor1D?];
    gradients.push(gradient);
    if (ascent !== undefined) ascents.push(ascent);
  }
  return {
    gradient: concatenate(gradients),
    ...(ascents.length === 0 ? {} : { samplerGradient: tf.addN(ascents) as tf.Tensor1D }),
    terms,
  };
}

interface Group {
  readonly context: RunContext;
  readonly config: NcfmConfig;
  readonly network: Network;
  readonly theta: tf.Tensor1D;
  readonly sampler: Sampler | undefined;
  readonly key: Key;
  readonly group: readonly number[];
}

function matchGroup(
  { context, config, network, theta, sampler, key, group }: Group,
  pixels: tf.Tensor4D,
): {
  readonly gradient: tf.Tensor4D;
  readonly ascent?: tf.Tensor1D;
  readonly terms: Readonly<Record<string, number>>;
} {
  const { dataset } = context;
  const featuresOf = (
    images: tf.Tensor4D,
    options: { differentiate: "images" } | object = {},
  ): tf.Tensor2D => {
    const { embedding } = network.apply(theta, images, options);
    return config.features === "unit" ? unitRows(embedding) : embedding;
  };
  const real = group.map((label) =>
    tf.tidy(() => {
      const batch = siamese(readReal(context, config, key, label), config, dataset, key, label);
      const parts: tf.Tensor2D[] = [];
      const chunk = Math.min(REAL_CHUNK, samplesAtOnce());
      for (let start = 0; start < batch.shape[0]; start += chunk) {
        const count = Math.min(chunk, batch.shape[0] - start);
        parts.push(tf.tidy(() => featuresOf(tf.slice(batch, [start, 0, 0, 0], [count, -1, -1, -1]))));
      }
      return parts.length === 1 ? parts[0]! : tf.concat(parts, 0);
    }),
  );
  const discrepancies = classDiscrepancies(
    config,
    sampler,
    sampler?.parameters,
    key,
    group,
    real[0]!.shape[1],
  );
  const summaries = discrepancies.map(({ summarise }, i) => tf.tidy(() => [...summarise(real[i]!)]));

  let features: tf.Tensor2D[] = [];
  const slice = tf.slice(pixels, [group[0]! * config.ipc, 0, 0, 0], [group.length * config.ipc, -1, -1, -1]);
  const { gradient, terms } = gradientWithTerms(slice as tf.Tensor4D, (at) => {
    const images = normaliseImages(at, dataset.normalisation);
    const batch = syntheticBatch(images, { ...config, flipEmbedding: false }, dataset, key, group);
    const rows = perClass(featuresOf(batch, { differentiate: "images" }), group.length);
    if (sampler !== undefined) features = rows.map((own) => tf.keep(tf.clone(own)));
    const found = discrepancies.map(({ distance }, i) => distance(summaries[i]!, rows[i]!));
    const loss = tf.mul(
      tf.addN(found.map(({ distance }) => distance)),
      config.discrepancyWeight,
    ) as tf.Scalar;
    const parts = Object.keys(found[0]!.parts).map(
      (name) => [name, tf.addN(found.map(({ parts: own }) => own[name]!)) as tf.Scalar] as const,
    );
    return { loss, terms: { [config.discrepancy]: loss, ...Object.fromEntries(parts) } };
  });
  if (sampler === undefined) return { gradient, terms };

  const ascent = tf.grad((parameters: tf.Tensor) => {
    const own = classDiscrepancies(
      config,
      sampler,
      parameters as tf.Tensor1D,
      key,
      group,
      features[0]!.shape[1],
    );
    const distances = own.map(
      ({ summarise, distance }, i) => distance(summarise(real[i]!), features[i]!).distance,
    );
    return tf.mul(tf.addN(distances), config.discrepancyWeight);
  })(sampler.parameters) as tf.Tensor1D;
  tf.dispose(features);
  return { gradient, ascent, terms };
}

/** One discrepancy a class, each with frequencies of its own or all with the same ones. */
function classDiscrepancies(
  config: NcfmConfig,
  sampler: Sampler | undefined,
  parameters: tf.Tensor1D | undefined,
  key: Key,
  group: readonly number[],
  width: number,
): Discrepancy[] {
  const own = foldIn(key, "frequencies");
  const draw = (from: Key): tf.Tensor2D =>
    sampler === undefined
      ? gaussian(from, config.frequencies, width)
      : sampler.network.frequencies(parameters!, from);
  if (config.frequencyDraw === "class") {
    return group.map((label) => discrepancyOf(config, () => draw(foldIn(own, label))));
  }
  const shared = discrepancyOf(config, () => draw(own));
  return group.map(() => shared);
}

/** A real batch of a class: a random draw, or the first images. */
function readReal(
  { real }: RunContext,
  { realBatch, realSampling }: NcfmConfig,
  key: Key,
  label: number,
): tf.Tensor4D {
  const members = real.ofClass(label);
  const count = Math.min(realBatch, members.length);
  return real.read(
    realSampling === "prefix"
      ? members.slice(0, count)
      : choice(foldIn(foldIn(key, "real"), label), members, count),
  );
}

function perClass(rows: tf.Tensor2D, classes: number): tf.Tensor2D[] {
  return classes === 1 ? [rows] : tf.split(rows, classes);
}
