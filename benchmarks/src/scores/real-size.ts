import { datasets } from "@limbeck/datasets";
import type { RealSize } from "./storage.ts";

/** Size of a data set known by name; undefined for others. */
export function realSize(name: string): RealSize | undefined {
  const entry = datasets.find(({ id }) => id === name);
  return entry && { classes: entry.classes, shape: entry.shape, train: entry.sizes.train };
}
