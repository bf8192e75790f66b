import { DataError } from "@limbeck/core";
import type { DecodedImages } from "../cache/decoded-images.ts";
import type { FileTree, TreeFile } from "../io/file-tree.ts";
import { decodeLabelledImages, type LabelledImage } from "./encoded-images.ts";
import type { ImageDecoderOptions } from "./image-decoder.ts";
import { seededSplit, type SplitSettings } from "./seeded-split.ts";

/** Names that the test half of a divided folder may have, in order of preference. */
const testNames = ["test", "val", "valid", "validation"] as const;

/** Files that are taken for images. */
export const imageExtension = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp|ppm|pgm|svg|heic|jfif|jxl)$/i;
/** Notes that may lie among images. */
export const companionExtension = /\.(txt|csv|tsv|jsonl?|md|xml|ya?ml|html?)$/i;

interface ClassFiles {
  readonly name: string;
  readonly files: readonly TreeFile[];
}

/**
 * Read a folder of images: `train/CLASS/*` and `test/CLASS/*` (or `val`), or `CLASS/*` alone, which is divided by
 * {@link seededSplit}. Classes are in the order of their names; images in the order of their paths. Folders inside a
 * class belong to it.
 *
 * @throws {DataError} if there are no class folders, a class is empty, the two halves have different classes, a file
 *   is no image, or as {@link decodeLabelledImages}.
 */
export async function decodeImageFolder(
  tree: FileTree,
  split: SplitSettings,
  decoder: ImageDecoderOptions,
): Promise<DecodedImages> {
  const top = topFolders(tree, "");
  if (top.includes("train")) {
    const testName = testNames.find((name) => top.includes(name));
    if (testName === undefined) {
      throw new DataError(
        `${tree.root}: wanted a folder test or val beside train, got only ${top.join(", ")}; ` +
          `add one, or open ${tree.root}/train to have it divided`,
      );
    }
    const train = classFiles(tree, "train/");
    const test = classFiles(tree, `${testName}/`);
    const classes = train.map(({ name }) => name);
    checkSameClasses(tree.root, classes, testName, test);
    return decodeLabelledImages(classes, { train: labelled(train), test: labelled(test) }, decoder);
  }
  const all = classFiles(tree, "");
  const classes = all.map(({ name }) => name);
  const images = labelled(all);
  const names = all.flatMap(({ files }) => files.map(({ path }) => path));
  const labels = images.map(({ label }) => label);
  const inTest = seededSplit(tree.root, names, labels, classes, split);
  const part = (test: boolean): LabelledImage[] => images.filter((_, i) => inTest[i] === test);
  return decodeLabelledImages(classes, { train: part(false), test: part(true) }, decoder);
}

function classFiles(tree: FileTree, prefix: string): readonly ClassFiles[] {
  const names = topFolders(tree, prefix);
  if (names.length < 2) {
    const files = tree.files.filter(
      ({ path }) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"),
    );
    const got = names.length === 0 ? "no folder" : `only ${names[0]}`;
    throw new DataError(
      `${tree.root}/${prefix}: wanted one folder of images for each class, at least two, ` +
        `got ${got} and ${files.length} files`,
    );
  }
  const byClass = new Map(names.map((name): [string, TreeFile[]] => [name, []]));
  for (const file of tree.files) {
    if (!file.path.startsWith(prefix)) continue;
    const rest = file.path.slice(prefix.length);
    const slash = rest.indexOf("/");
    if (slash < 0 || companionExtension.test(rest)) continue;
    if (!imageExtension.test(rest)) {
      throw new DataError(
        `${file.where}: wanted only images in a class folder, got another kind of file; remove it`,
      );
    }
    byClass.get(rest.slice(0, slash))!.push(file);
  }
  return names.map((name) => {
    const files = byClass.get(name)!;
    if (files.length === 0) {
      throw new DataError(
        `${tree.root}/${prefix}${name}: wanted images of this class, got none; add some or remove it`,
      );
    }
    return { name, files };
  });
}

function topFolders(tree: FileTree, prefix: string): readonly string[] {
  return tree.folders
    .filter((folder) => folder.startsWith(prefix))
    .map((folder) => folder.slice(prefix.length))
    .filter((folder) => !folder.includes("/"));
}

function checkSameClasses(
  root: string,
  train: readonly string[],
  testName: string,
  test: readonly ClassFiles[],
): void {
  const inTest = new Set(test.map(({ name }) => name));
  const missing = train.filter((name) => !inTest.has(name));
  const extra = [...inTest].filter((name) => !train.includes(name));
  if (missing.length === 0 && extra.length === 0) return;
  const list = [...missing.map((name) => `${name} missing`), ...extra.map((name) => `${name} added`)];
  throw new DataError(
    `${root}/${testName}: wanted the ${train.length} classes of train, got ${test.length}: ` +
      `${list.slice(0, 5).join(", ")}${list.length > 5 ? ", …" : ""}`,
  );
}

function labelled(classes: readonly ClassFiles[]): readonly LabelledImage[] {
  return classes.flatMap(({ files }, label) => {
    return files.map(({ where, read }) => ({ where, read, label }));
  });
}
