import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import { networkNameOf, readNetwork } from "../artifact/network-file.ts";
import type { ImageDataset, Normalisation } from "../dataset/image-dataset.ts";
import { stratifiedSplit, subsetOfSplit } from "../dataset/split.ts";
import { numbersOf } from "../engine/numbers-of.ts";
import { ConfigError, DataError } from "../errors.ts";
import type { RunContext } from "../method/method.ts";
import type { PreparedPart } from "../method/prepared-part.ts";
import type { Network, NetworkStatistics } from "../nn/network.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { accuracy } from "./accuracy.ts";
import { readNetworkWeights, weightTensors, type NetworkWeights } from "./network-weights.ts";
import { recipeSchema, type Recipe } from "./recipe.ts";
import { disposeTrained, type TrainingCourse } from "./train-epochs.ts";
import { trainNetwork } from "./train-network.ts";
import { arraysOf, dataIdentity, trainingParts } from "./training-parts.ts";

/** Raise it when training changes its bits: teachers that were made before are then not found any more. */
const VERSION = 1;
/** Largest difference of a mean or standard deviation that still counts as the same published constant. */
const SAME_CONSTANT = 1e-6;
/** Training images of a class that a teacher from a file is tried on. */
const TRIED_PER_CLASS = 20;

/** A teacher: a network with batch normalisation, trained here or read from a checkpoint. */
export const teacherSchema = z.strictObject({
  network: z.string().default("resnet18-batch").describe("name of the zoo, with batch normalisation"),
  file: z
    .string()
    .min(1)
    .optional()
    .describe(
      "safetensors that `limbeck train-teacher` wrote, or a checkpoint in torchvision's naming, in the working folder or the folder LIMBECK_DATA; without one the network is trained here",
    ),
  normalisation: z
    .strictObject({ mean: z.array(z.number()), std: z.array(z.number().positive()) })
    .optional()
    .describe("what the checkpoint was trained with, where the file does not say it"),
  epochs: z
    .int()
    .min(1)
    .default(50)
    .describe("training epochs; on small images a shorter training can give better sets"),
  learningRate: z.number().positive().default(0.1).describe("of training, cosine to 0"),
  batchSize: z.int().min(1).default(128).describe("of training"),
  weightDecay: z.number().min(0).default(5e-4).describe("of training"),
  seed: z.int().min(0).default(0).describe("decides initial parameters, order and augmentation"),
});
export type TeacherConfig = z.output<typeof teacherSchema>;

/** A teacher at work. */
export interface Teacher {
  readonly network: Network;
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Running statistics, `variance` as the training kept it. */
  readonly statistics: NetworkStatistics;
}

/** How a teacher is trained: SGD with momentum 0.9, cosine, crops and, where mirror images keep their class, flips. */
function teacherRecipe(teacher: TeacherConfig, { mirrorInvariant }: ImageDataset): Recipe {
  const { epochs, learningRate, batchSize, weightDecay } = teacher;
  return recipeSchema.parse({
    optimiser: "sgd",
    learningRate,
    momentum: 0.9,
    weightDecay,
    epochs,
    batchSize,
    schedule: { kind: "cosine" },
    augmentation: mirrorInvariant ? "crop-flip" : "crop",
  });
}

/**
 * A teacher as parts to prepare, the last of which is the teacher: arrays `theta`, `mean` and `variance`, the statistics of all layers
 * one after the other. The parts before it are snapshots of its training, from which an interrupted one goes on to the same bits.
 * A checkpoint is read and checked at once, and tried on a few training images when the part is made.
 *
 * @param part Name of the teacher within the run.
 * @param onEpoch Told after each epoch that is trained now.
 * @throws {ConfigError} if the network is unknown or has no batch normalisation, or the checkpoint was trained on other classes
 *   or with another normalisation.
 * @throws {DataError} if the checkpoint is not one of this network.
 */
export function teacherParts(
  context: RunContext,
  part: string,
  teacher: TeacherConfig,
  onEpoch?: TrainingCourse["onEpoch"],
): readonly [...PreparedPart[], PreparedPart] {
  const network = context.network(teacher.network);
  if (!network.usesBatchStatistics) {
    throw new ConfigError(
      `${part}: network ${network.name} has no batch normalisation, whose statistics the images are to match; choose one that has, such as convnet3-batch or resnet18-batch`,
    );
  }
  return teacher.file === undefined
    ? trainedParts(context, part, teacher, network, onEpoch)
    : [checkpointPart(context, part, teacher, teacher.file, network)];
}

function checkpointPart(
  { dataset }: RunContext,
  part: string,
  teacher: TeacherConfig,
  file: string,
  network: Network,
): PreparedPart {
  const {
    weights,
    classes,
    constants = teacher.normalisation,
  } = readTeacherFile(network, locate(part, file));
  checkClasses(part, classes, dataset);
  checkSameNormalisation(part, constants, dataset);
  return {
    name: part,
    bytes: 4 * (weights.theta.length + 2 * weights.mean.length),
    identity: {
      kind: "teacher-file",
      network: network.name,
      weights: digest(weights),
      ...dataIdentity(dataset),
    },
    multiplyAdds: network.multiplyAdds * TRIED_PER_CLASS * dataset.classes.length,
    async make(signal) {
      await tryTeacher(part, network, weights, dataset, signal);
      return arraysOf({ ...weights });
    },
  };
}

function trainedParts(
  { dataset, real }: RunContext,
  part: string,
  teacher: TeacherConfig,
  network: Network,
  onEpoch: TrainingCourse["onEpoch"],
): readonly [...PreparedPart[], PreparedPart] {
  const recipe = teacherRecipe(teacher, dataset);
  const { seed } = teacher;
  return trainingParts({
    part,
    network,
    parameterCount: network.parameterCount,
    epochs: recipe.epochs,
    identity: {
      kind: "teacher",
      version: VERSION,
      ...dataIdentity(dataset),
      network: network.name,
      recipe,
      seed,
    },
    multiplyAddsPerEpoch: 3 * network.multiplyAdds * dataset.train.size,
    train: (course) =>
      trainNetwork({
        network,
        data: { images: real, labels: dataset.train.labels },
        recipe,
        key: foldIn(keyFromSeed(seed), "teacher"),
        ...course,
        ...(onEpoch === undefined ? {} : { onEpoch }),
      }),
  });
}

/** The teacher that {@link teacherParts} have prepared. The caller owns its tensors. */
export function preparedTeacher(context: RunContext, part: string, teacher: TeacherConfig): Teacher {
  const network = context.network(teacher.network);
  const arrays = context.prepared!(part);
  const values = (name: keyof NetworkWeights): Float32Array => arrays[name]!.data as Float32Array;
  const weights = { theta: values("theta"), mean: values("mean"), variance: values("variance") };
  return { network, ...weightTensors(network, weights) };
}

interface TeacherFile {
  readonly weights: NetworkWeights;
  /** In order, where the file names them. */
  readonly classes?: readonly string[] | undefined;
  /** What the images were normalised with, where the file says it. */
  readonly constants?: TeacherConfig["normalisation"] | undefined;
}

/** A file of the suite's own, or a checkpoint, whose metadata may have numbers and class names joined by commas. */
function readTeacherFile(network: Network, path: string): TeacherFile {
  const own = networkNameOf(path);
  if (own === undefined) {
    const { metadata, ...weights } = readNetworkWeights(network, path);
    const { mean, std, classes } = metadata;
    const numbers = (text: string): number[] => text.split(",").map(Number);
    return {
      weights,
      classes: classes?.split(","),
      constants:
        mean !== undefined && std !== undefined ? { mean: numbers(mean), std: numbers(std) } : undefined,
    };
  }
  if (own !== network.name) {
    throw new ConfigError(`${path}: wanted ${network.name}, got a file of ${own}; name that network`);
  }
  const model = readNetwork(path);
  try {
    const { inputShape } = model.network;
    if (String(inputShape) !== String(network.inputShape)) {
      throw new ConfigError(
        `${path}: wanted a network for images of ${network.inputShape.join("×")}, got one for ${inputShape.join("×")}; give a teacher of these images`,
      );
    }
    const { theta, statistics, classes, normalisation } = model;
    const flat = (vectors: readonly tf.Tensor1D[]): Float32Array => numbersOf(() => tf.concat([...vectors]));
    return {
      weights: {
        theta: numbersOf(() => tf.clone(theta)),
        mean: flat(statistics!.mean),
        variance: flat(statistics!.variance),
      },
      classes,
      constants: { mean: [...normalisation.mean], std: [...normalisation.std] },
    };
  } finally {
    disposeTrained(model);
  }
}

function digest({ theta, mean, variance }: NetworkWeights): string {
  const hash = createHash("sha256");
  for (const values of [theta, mean, variance]) hash.update(values);
  return hash.digest("hex");
}

/** The file as it is named, else in the folder of data sets. */
function locate(part: string, file: string): string {
  if (existsSync(file)) return file;
  const folder = process.env["LIMBECK_DATA"];
  if (folder !== undefined && folder !== "" && existsSync(join(folder, file))) return join(folder, file);
  throw new DataError(
    `${part}: wanted the checkpoint ${file}, found none here nor in the folder LIMBECK_DATA; give its path as file, or leave file out to train the teacher here`,
  );
}

function checkClasses(
  part: string,
  given: readonly string[] | undefined,
  { name, classes }: ImageDataset,
): void {
  if (given === undefined) return;
  const place = classes.findIndex((label, i) => label !== given[i]);
  if (given.length === classes.length && place < 0) return;
  const differs =
    given.length === classes.length
      ? `class ${place} is "${classes[place]}" there and "${given[place]}" here`
      : `${classes.length} classes there, ${given.length} here`;
  throw new ConfigError(
    `${part}: the teacher was trained on other classes than those of ${name}: ${differs}; give a teacher of the same classes in the same order`,
  );
}

function checkSameNormalisation(
  part: string,
  own: TeacherConfig["normalisation"],
  { name, normalisation }: ImageDataset,
): void {
  if (own === undefined) {
    throw new ConfigError(
      `${part}: the checkpoint does not say which normalisation its images had; give it as normalisation: { mean, std }`,
    );
  }
  if (normalisation.kind === "mean-std") {
    const same = [
      [own.mean, normalisation.mean],
      [own.std, normalisation.std],
    ].every(
      ([a, b]) =>
        a!.length === b!.length && a!.every((value, i) => Math.abs(value - b![i]!) <= SAME_CONSTANT),
    );
    if (same) return;
  }
  throw new ConfigError(
    `${part}: the teacher was trained on images of ${spelt({ kind: "mean-std", ...own })}, ${name} is given with ${spelt(normalisation)}; open the data with the teacher's constants`,
  );
}

function spelt(normalisation: Normalisation): string {
  if (normalisation.kind === "zca") return "whitening";
  return `mean [${normalisation.mean}] and standard deviation [${normalisation.std}]`;
}

/**
 * A checkpoint that does not tell its classes may have them in another order: it is tried on training images.
 *
 * @throws {DataError} if it knows no more than half of what even a poor teacher knows.
 */
async function tryTeacher(
  part: string,
  network: Network,
  weights: NetworkWeights,
  dataset: ImageDataset,
  signal: AbortSignal,
): Promise<void> {
  const { train, classes, normalisation } = dataset;
  const wanted = (TRIED_PER_CLASS * classes.length) / train.size;
  const positions =
    wanted >= 1 ? undefined : stratifiedSplit(train.labels, wanted, keyFromSeed(0)).validation;
  const split = positions === undefined ? train : subsetOfSplit(train, positions);
  const { theta, statistics } = weightTensors(network, weights);
  try {
    const { percent, total } = await accuracy({ network, theta, statistics, split, normalisation, signal });
    const chance = 100 / classes.length;
    const least = Math.min(2 * chance, (100 + chance) / 2);
    if (percent >= least) return;
    throw new DataError(
      `${part}: the checkpoint names ${percent.toFixed(1)} % of ${total} training images of ${dataset.name} rightly, wanted at least ${least.toFixed(1)} %; its classes may be others or in another order`,
    );
  } finally {
    tf.dispose([theta, ...statistics.mean, ...statistics.variance]);
  }
}
