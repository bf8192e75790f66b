import { npyArray, readNpyHeader } from "../formats/npy-header.ts";
import { entryReader } from "../io/read-entry.ts";
import { openZip } from "../io/zip-file.ts";
import type { ForeignArray, ForeignSet } from "./foreign-set.ts";
import { setOfNamedArrays } from "./named-arrays.ts";

/**
 * Reads a set from a NumPy archive: `images`, `labels` or `soft_labels`, optionally `lr`, `mean` and `std`, or `zca_mean`,
 * `zca_whiten` and `zca_unwhiten`. Nothing is unpickled.
 *
 * @throws {DataError} if the archive is damaged, lies about sizes, or lacks images or labels.
 */
export async function readNpzSet(path: string): Promise<ForeignSet> {
  const entries = new Map((await openZip(path)).map((entry) => [entry.name.replace(/\.npy$/, ""), entry]));
  const read = async (name: string): Promise<ForeignArray> => {
    const entry = entries.get(name)!;
    const reader = entryReader(path, entry);
    try {
      const { type, shape, bytes } = await readNpyHeader(reader, entry.size, true);
      const data = npyArray(type, await reader.read(bytes));
      await reader.end();
      return { shape, data };
    } finally {
      await reader.close();
    }
  };
  return setOfNamedArrays(path, [...entries.keys()], read);
}
