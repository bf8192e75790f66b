import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataError, type ImageDataset } from "@limbeck/core";
import type { DecodedImages } from "../cache/decoded-images.ts";
import { decodeLabelledImages, type LabelledImage } from "../formats/encoded-images.ts";
import { openFileTree, type FileTree, type TreeFile } from "../io/file-tree.ts";
import { openNamed, type NamedDataset, type NamedOptions } from "./named-dataset.ts";

const classCount = 200;

export const tinyImageNetSet: NamedDataset = {
  id: "tiny-imagenet",
  title: "Tiny ImageNet",
  // The names are in the files (words.txt); here they only count.
  classes: Array.from({ length: classCount }, (_, label) => String(label)),
  shape: [64, 64, 3],
  sizes: { train: 100_000, test: 10_000 },
  balanced: true,
  normalisation: { kind: "mean-std", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  mirrorInvariant: true,
  source: {
    citation: "Y. Le and X. Yang, Tiny ImageNet Visual Recognition Challenge, CS 231N course report, 2015",
    licence: "terms of ImageNet: non-commercial research and education",
    origin: "http://cs231n.stanford.edu/",
  },
  embedded: false,
  downloads: [
    {
      url: "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
      file: "tiny-imagenet-200.zip",
      bytes: 248_100_043,
      sum: { algorithm: "md5", hex: "90528d7ca1a48142e341f4ef8d21d0de" },
    },
  ],
  find(folder) {
    const path = ["tiny-imagenet-200", "tiny-imagenet-200.zip", "."]
      .map((name) => join(folder, name))
      .find((candidate) =>
        candidate.endsWith(".zip") ? existsSync(candidate) : existsSync(join(candidate, "wnids.txt")),
      );
    if (path === undefined) return Promise.resolve(undefined);
    return Promise.resolve({
      path,
      files: async () => (await openFileTree(path)).sources,
      decode: async () => decodeTinyImageNet(await openFileTree(path)),
    });
  },
};

/**
 * Tiny ImageNet, 100,000 + 10,000 (its validation split) colour images of 64x64 in 200 classes, from the folder
 * `tiny-imagenet-200` or its .zip in a data folder, else downloaded. The few grey files are widened to colour. Classes
 * are in the order of their WordNet ids, as image-folder loaders have them.
 *
 * @throws {DataError} if the files are missing, damaged or others.
 */
export function tinyImageNet(options: NamedOptions = {}): Promise<ImageDataset> {
  return openNamed(tinyImageNetSet, options);
}

/**
 * Read the original layout: `train/WNID/images/*`, `val/images/*` with `val/val_annotations.txt`, `words.txt`.
 * @throws {DataError} if a part is missing or an image fails.
 */
export async function decodeTinyImageNet(tree: FileTree): Promise<DecodedImages> {
  const byPath = new Map(tree.files.map((file) => [file.path, file]));
  const ids = (await readLines(tree, byPath, "wnids.txt")).toSorted();
  const labels = new Map(ids.map((id, label) => [id, label]));
  const train: LabelledImage[] = [];
  for (const file of tree.files) {
    const label = labels.get(/^train\/([^/]+)\/images\/[^/]+$/.exec(file.path)?.[1] ?? "");
    if (label !== undefined) train.push({ where: file.where, read: file.read, label });
  }
  train.sort((a, b) => a.label - b.label);
  const test = (await readLines(tree, byPath, "val/val_annotations.txt")).map((line): LabelledImage => {
    const [name = "", id = ""] = line.split("\t");
    const label = labels.get(id);
    if (label === undefined) {
      throw new DataError(
        `${tree.root}/val/val_annotations.txt: wanted a class of wnids.txt, got ${JSON.stringify(line)}`,
      );
    }
    const file = fileAt(tree, byPath, `val/images/${name}`);
    return { where: file.where, read: file.read, label };
  });
  const decoder = { size: [64, 64], widenGrey: true } as const;
  return decodeLabelledImages(await classNames(tree, byPath, ids), { train, test }, decoder);
}

async function classNames(
  tree: FileTree,
  byPath: ReadonlyMap<string, TreeFile>,
  ids: readonly string[],
): Promise<readonly string[]> {
  const words = new Map<string, string>();
  for (const line of await readLines(tree, byPath, "words.txt")) {
    const [id = "", names = ""] = line.split("\t");
    words.set(id, names.split(",")[0]!.trim());
  }
  const names = ids.map((id) => words.get(id) ?? id);
  return names.map((name, i) =>
    names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${ids[i]})`,
  );
}

async function readLines(
  tree: FileTree,
  byPath: ReadonlyMap<string, TreeFile>,
  path: string,
): Promise<readonly string[]> {
  const text = Buffer.from(await fileAt(tree, byPath, path).read()).toString("utf8");
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function fileAt(tree: FileTree, byPath: ReadonlyMap<string, TreeFile>, path: string): TreeFile {
  const file = byPath.get(path);
  if (file === undefined) throw new DataError(`${tree.root}: wanted the file ${path}, got none`);
  return file;
}
