import { DataError, readSafetensors, setOfSafetensors, type SyntheticSet } from "@limbeck/core";
import { z } from "zod";
import type { ForeignSet } from "./foreign-set.ts";
import { setOfNamedArrays } from "./named-arrays.ts";

const normalisationSchema = z.object({
  kind: z.literal("mean-std"),
  mean: z.array(z.number()),
  std: z.array(z.number()),
});

/**
 * Reads a set from safetensors: one that this suite exported comes back whole; another's has tensors named as in
 * {@link setOfNamedArrays}, and may state `classes` and `normalisation` as JSON in its metadata.
 *
 * @throws {DataError} if the file breaks the format or lacks images or labels.
 */
export async function readSafetensorsSet(path: string): Promise<ForeignSet | SyntheticSet> {
  const file = readSafetensors(path);
  if (file.metadata["limbeck"] !== undefined) return setOfSafetensors(file, path);
  const { tensors, metadata } = file;
  const set = await setOfNamedArrays(path, Object.keys(tensors), (name) => Promise.resolve(tensors[name]!));
  const stated = <T>(key: string, schema: z.ZodType<T>): T | undefined => {
    const text = metadata[key];
    if (text === undefined) return undefined;
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw new DataError(`${path}: wanted ${key} as JSON in the metadata, got ${JSON.stringify(text)}`, {
        cause: error,
      });
    }
  };
  const classes = stated("classes", z.array(z.string()).min(1));
  const normalisation = set.normalisation ?? stated("normalisation", normalisationSchema);
  return {
    ...set,
    ...(classes === undefined ? {} : { classes }),
    ...(normalisation === undefined ? {} : { normalisation }),
  };
}
