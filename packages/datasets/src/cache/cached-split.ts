import type { ImageSplit } from "@limbeck/core";
import type { CacheFile } from "./cache-file.ts";
import { imageSize, type SplitName } from "./decoded-images.ts";

/**
 * One split of a cache file as {@link ImageSplit}.
 *
 * @param inMemory Whether the first read loads the whole split and later reads copy from memory.
 */
export function cachedSplit(file: CacheFile, split: SplitName, inMemory: boolean): ImageSplit {
  const { sizes, shape } = file.metadata;
  const firstRow = split === "train" ? 0 : sizes.train;
  const size = sizes[split];
  const values = imageSize(shape);
  let loaded: Uint8Array | undefined;

  const load = (): Uint8Array => {
    const pixels = new Uint8Array(size * values);
    file.readRows(firstRow, size, pixels);
    return pixels;
  };

  return {
    size,
    labels: file.labels.slice(firstRow, firstRow + size),
    read(indices) {
      checkIndices(`${file.metadata.name} ${split}`, indices, size);
      const pixels = new Uint8Array(indices.length * values);
      if (inMemory) {
        loaded ??= load();
        for (let i = 0; i < indices.length; i++) {
          const from = indices[i]! * values;
          pixels.set(loaded.subarray(from, from + values), i * values);
        }
        return pixels;
      }
      for (let i = 0; i < indices.length;) {
        // Neighbours in the file are read at once.
        let count = 1;
        while (i + count < indices.length && indices[i + count] === indices[i]! + count) count++;
        file.readRows(firstRow + indices[i]!, count, pixels, i);
        i += count;
      }
      return pixels;
    },
  };
}

function checkIndices(where: string, indices: ArrayLike<number>, size: number): void {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (!Number.isInteger(index) || index < 0 || index >= size) {
      throw new RangeError(`${where}: wanted indices in [0, ${size}), got ${index} at position ${i}`);
    }
  }
}
