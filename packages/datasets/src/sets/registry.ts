import type { ImageDataset, ImageShape } from "@limbeck/core";
import { cifar100Set, cifar10Set } from "./cifar.ts";
import { fashionMnistSet } from "./fashion-mnist.ts";
import { mnistSet } from "./mnist.ts";
import {
  locateNamed,
  openNamed,
  type DatasetLocation,
  type NamedDataset,
  type NamedOptions,
} from "./named-dataset.ts";
import { tinyImageNetSet } from "./tiny-imagenet.ts";

/** A data set known by name. Nothing is read before `open`. */
export interface DatasetEntry {
  /** Name on the command line and in records, such as `cifar10`. */
  readonly id: string;
  readonly title: string;
  /** Number of classes. */
  readonly classes: number;
  readonly shape: ImageShape;
  readonly sizes: { readonly train: number; readonly test: number };
  readonly mirrorInvariant: boolean;
  readonly source: ImageDataset["source"];
  /** Where its files are on this machine, or how to get them. */
  locate(dataFolder?: string): Promise<DatasetLocation>;
  open(options?: NamedOptions): Promise<ImageDataset>;
}

/** All data sets known by name, the embedded one first. */
export const datasets: readonly DatasetEntry[] = [
  fashionMnistSet,
  mnistSet,
  cifar10Set,
  cifar100Set,
  tinyImageNetSet,
].map((set: NamedDataset) => ({
  id: set.id,
  title: set.title,
  classes: set.classes.length,
  shape: set.shape,
  sizes: set.sizes,
  mirrorInvariant: set.mirrorInvariant,
  source: set.source,
  locate: (dataFolder) => locateNamed(set, dataFolder),
  open: (options = {}) => openNamed(set, options),
}));
