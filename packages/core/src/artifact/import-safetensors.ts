import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { validateSyntheticSet } from "../synthetic/validate-set.ts";
import type { SafetensorsFile } from "./safetensors.ts";
import { assembleSet, damagedSet, DESCRIPTION_KEY, readDescription } from "./set-format.ts";

/**
 * The set that `exportSafetensors` wrote, bit for bit.
 *
 * @param where Begins the messages.
 * @throws {DataError} if the file was not exported by this suite, is of a newer version, or its tensors do not fit its description.
 */
export function setOfSafetensors({ tensors, metadata }: SafetensorsFile, where: string): SyntheticSet {
  const description = readDescription(where, metadata[DESCRIPTION_KEY] ?? "");
  const floats = (name: string): Float32Array => {
    const data = tensors[name]?.data;
    if (data instanceof Float32Array) return data;
    throw damagedSet(where, `tensor "${name}" is not float32`, undefined);
  };
  const hard = (): Int32Array => {
    const data = tensors["labels"]?.data;
    if (data instanceof BigInt64Array) return Int32Array.from(data, Number);
    throw damagedSet(where, `tensor "labels" is not int64`, undefined);
  };
  const set = assembleSet(description, {
    images: floats("images"),
    labels: description.labels.kind === "hard" ? hard() : floats("labels"),
    ...(description.normalisation.kind === "zca"
      ? {
          zca: {
            kind: "zca",
            mean: floats("zca_mean"),
            whiten: floats("zca_whiten"),
            unwhiten: floats("zca_unwhiten"),
          },
        }
      : {}),
  });
  validateSyntheticSet(set, where);
  return set;
}
