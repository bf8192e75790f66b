import { DataError, type Normalisation } from "@limbeck/core";
import type { ForeignArray, ForeignSet } from "./foreign-set.ts";

/** Names under which suites store the parts of a set, the likeliest first. */
const NAMES = {
  images: ["images", "image", "image_syn", "x", "data", "imgs"],
  softLabels: ["soft_labels", "soft_label"],
  labels: ["labels", "label", "label_syn", "y", "targets"],
  stepSize: ["lr", "step_size", "syn_lr", "learning_rate"],
} as const;

/**
 * The parts of a set among named arrays. Of labels of both kinds the soft ones are taken.
 *
 * @param has Names that there are. @param read Reads one.
 * @throws {DataError} if there are no images or no labels.
 */
export async function setOfNamedArrays(
  where: string,
  has: readonly string[],
  read: (name: string) => Promise<ForeignArray>,
): Promise<ForeignSet> {
  const find = (part: keyof typeof NAMES): string | undefined =>
    NAMES[part].find((name) => has.includes(name));
  const images = find("images");
  const labels = find("softLabels") ?? find("labels");
  const stepSize = find("stepSize");
  if (images === undefined || labels === undefined) {
    const [part, known] = images === undefined ? ["images", NAMES.images] : ["labels", NAMES.labels];
    throw new DataError(
      `${where}: wanted ${part} (${known.join(", ")}), got ${has.join(", ") || "no arrays"}`,
    );
  }
  const optional = async (name: string): Promise<ForeignArray | undefined> =>
    has.includes(name) ? read(name) : undefined;
  const normalisation = storedNormalisation(where, {
    mean: await optional("mean"),
    std: await optional("std"),
    zcaMean: await optional("zca_mean"),
    whiten: await optional("zca_whiten"),
    unwhiten: await optional("zca_unwhiten"),
  });
  return {
    where,
    images: await read(images),
    labels: await read(labels),
    ...(normalisation === undefined ? {} : { normalisation }),
    ...(stepSize === undefined ? {} : { stepSize: singleNumber(where, stepSize, await read(stepSize)) }),
  };
}

/** @throws {DataError} if the array does not hold one number. */
export function singleNumber(where: string, name: string, { data, shape }: ForeignArray): number {
  if (data.length !== 1)
    throw new DataError(`${where}: wanted one number as ${name}, got shape [${shape.join(",")}]`);
  return Number(data[0]);
}

function storedNormalisation(
  where: string,
  stored: Readonly<Record<"mean" | "std" | "zcaMean" | "whiten" | "unwhiten", ForeignArray | undefined>>,
): Normalisation | undefined {
  const { mean, std, zcaMean, whiten, unwhiten } = stored;
  const numbers = ({ data }: ForeignArray): number[] => Array.from(data as ArrayLike<number>, Number);
  const floats = ({ data }: ForeignArray): Float32Array =>
    data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>, Number);
  if (zcaMean !== undefined && whiten !== undefined && unwhiten !== undefined) {
    return { kind: "zca", mean: floats(zcaMean), whiten: floats(whiten), unwhiten: floats(unwhiten) };
  }
  if (mean === undefined && std === undefined) return undefined;
  if (mean === undefined || std === undefined) {
    throw new DataError(
      `${where}: wanted both mean and std, got only ${mean === undefined ? "std" : "mean"}`,
    );
  }
  return { kind: "mean-std", mean: numbers(mean), std: numbers(std) };
}
