import { createHash } from "node:crypto";
import {
  ConfigError,
  imagePixels,
  normaliseImages,
  pieceRows,
  rowsOverPieces,
  samplePieces,
  type Network,
  type NetworkStatistics,
  type Normalisation,
  type ScoreModel,
  type SyntheticSet,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** Who scores images: its classes in order, and the normalisation that it wants them in. */
export interface Teacher extends ScoreModel {
  /** SHA-256 over everything that decides its scores, hexadecimal. */
  readonly sha256: string;
  readonly classes: readonly string[];
  readonly normalisation: Normalisation;
}

/** What a teacher is made of. The tensors stay the caller's and must live as long as the teacher is used. */
export interface NetworkTeacherOptions {
  readonly network: Network;
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Running statistics; required where the network uses batch normalisation. */
  readonly statistics?: NetworkStatistics;
  readonly classes: readonly string[];
  readonly normalisation: Normalisation;
}

/**
 * A trained network as a teacher.
 *
 * @throws {ConfigError} if running statistics are missing or the classes are not as many as the network's.
 */
export function networkTeacher(options: NetworkTeacherOptions): Teacher {
  const { network, theta, statistics, classes, normalisation } = options;
  if (network.usesBatchStatistics && statistics === undefined) {
    throw new ConfigError(
      `teacher ${network.name}: it uses batch normalisation and needs the \`statistics\` of its training, got none`,
    );
  }
  if (classes.length !== network.classes) {
    throw new ConfigError(
      `teacher ${network.name}: wanted the names of its ${network.classes} classes, got ${classes.length}`,
    );
  }
  const hash = createHash("sha256").update(JSON.stringify([network.name, classes]));
  for (const x of [theta, ...(statistics?.mean ?? []), ...(statistics?.variance ?? [])]) {
    const values = x.dataSync();
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return {
    sha256: hash.digest("hex"),
    classes,
    normalisation,
    scores: (images) =>
      rowsOverPieces(
        samplePieces(network, images.shape[0], statistics),
        (piece) =>
          network.apply(theta, pieceRows(images, piece), statistics === undefined ? {} : { statistics })
            .logits,
      ),
  };
}

/**
 * The mean scores of several teachers.
 *
 * @throws {ConfigError} if there is none, or their classes differ.
 */
export function meanTeacher(teachers: readonly Teacher[]): Teacher {
  const [first, ...others] = teachers;
  if (first === undefined) throw new ConfigError("teachers: wanted at least one, got none");
  if (others.length === 0) return first;
  for (const other of others) {
    checkClasses("teachers", first.classes, other.classes);
    if (!sameNormalisation(first.normalisation, other.normalisation)) {
      throw new ConfigError("teachers: wanted one normalisation for all, got several");
    }
  }
  const hash = createHash("sha256");
  for (const { sha256 } of teachers) hash.update(sha256);
  return {
    ...first,
    sha256: hash.digest("hex"),
    scores: (images) => tf.mean(tf.stack(teachers.map((teacher) => teacher.scores(images))), 0),
  };
}

/**
 * A teacher for the images of a set.
 *
 * @param renormalise Whether images may be moved from the set's normalisation to the teacher's, exactly.
 * @throws {ConfigError} if the classes differ, or the normalisation does and must not be changed: scores of wrongly
 *   scaled images look plausible and are worthless.
 */
export function teacherFor(
  set: Pick<SyntheticSet, "classes" | "normalisation">,
  teacher: Teacher,
  renormalise = false,
): Teacher {
  checkClasses("relabel", set.classes, teacher.classes);
  const [from, to] = [set.normalisation, teacher.normalisation];
  if (sameNormalisation(from, to)) return teacher;
  if (!renormalise) {
    throw new ConfigError(
      `relabel: the teacher wants images with ${spelt(to)}, the set has ${spelt(from)}; choose another teacher, or let the images be converted for it (--renormalise)`,
    );
  }
  return {
    ...teacher,
    normalisation: from,
    scores: (images) => teacher.scores(normaliseImages(imagePixels(images, from), to)),
  };
}

function checkClasses(where: string, wanted: readonly string[], got: readonly string[]): void {
  const at = wanted.findIndex((name, i) => name !== got[i]);
  if (wanted.length === got.length && at < 0) return;
  const difference =
    wanted.length === got.length
      ? `class ${at} is "${wanted[at]}" and "${got[at]}"`
      : `${wanted.length} and ${got.length} classes`;
  throw new ConfigError(
    `${where}: set and teacher must have the same classes in the same order, got ${difference}; choose a teacher of these classes`,
  );
}

/** Published constants differ in the last digits between sources. */
const SAME_CONSTANT = 1e-6;

function sameNormalisation(a: Normalisation, b: Normalisation): boolean {
  const close = (x: ArrayLike<number>, y: ArrayLike<number>): boolean =>
    x.length === y.length && Array.from(x).every((value, i) => Math.abs(value - y[i]!) <= SAME_CONSTANT);
  if (a.kind === "zca") {
    return b.kind === "zca" && close(a.mean, b.mean) && close(a.whiten, b.whiten);
  }
  return b.kind === "mean-std" && close(a.mean, b.mean) && close(a.std, b.std);
}

function spelt(normalisation: Normalisation): string {
  if (normalisation.kind === "zca") return "whitening of its own";
  return `mean [${normalisation.mean.join(", ")}] and std [${normalisation.std.join(", ")}]`;
}
