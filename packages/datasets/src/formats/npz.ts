import { DataError, type ImageShape } from "@limbeck/core";
import { imageSize, type DecodedBatch, type DecodedImages, type SplitName } from "../cache/decoded-images.ts";
import { entryReader } from "../io/read-entry.ts";
import { openZip, type ZipEntry } from "../io/zip-file.ts";
import { classNamesFor } from "./class-names.ts";
import { npyNumbers, readNpyHeader, type NpyHeader } from "./npy-header.ts";

/** Key layouts: MedMNIST's, and the one of Keras' mnist.npz. */
const layouts = [
  {
    train: { images: "train_images", labels: "train_labels" },
    test: { images: "test_images", labels: "test_labels" },
  },
  { train: { images: "x_train", labels: "y_train" }, test: { images: "x_test", labels: "y_test" } },
] as const;

const BATCH_BYTES = 4 << 20;
const MOST_LABEL_BYTES = 1 << 28;
const LARGEST_SIDE = 4096;

/**
 * Read a NumPy .npz archive with arrays `train_images`, `train_labels`, `test_images`, `test_labels` (MedMNIST; images
 * uint8 `[N,H,W]` or `[N,H,W,C]`, labels `[N]` or `[N,1]`). A validation part (`val_*`) is not used. Arrays stream
 * from disk; nothing is unpickled.
 *
 * @param classes Class names; without them "0", "1", … up to the largest label.
 * @throws {DataError} if an array is missing, of another type or shape, or the archive is damaged or lies about sizes.
 */
export async function decodeNpz(path: string, classes?: readonly string[]): Promise<DecodedImages> {
  const entries = new Map((await openZip(path)).map((entry) => [entry.name.replace(/\.npy$/, ""), entry]));
  const layout = layouts.find(({ train, test }) => {
    return [train.images, train.labels, test.images, test.labels].every((key) => entries.has(key));
  });
  if (layout === undefined) {
    throw new DataError(
      `${path}: wanted the arrays train_images, train_labels, test_images and test_labels, ` +
        `got ${[...entries.keys()].join(", ") || "none"}`,
    );
  }
  const labels = {
    train: await readLabels(path, entries.get(layout.train.labels)!),
    test: await readLabels(path, entries.get(layout.test.labels)!),
  };
  const names = classNamesFor(`${path}: ${layout.train.labels}`, labels.train, classes);
  classNamesFor(`${path}: ${layout.test.labels}`, labels.test, names);
  const shape = await readShape(path, entries.get(layout.train.images)!);

  async function* batches(): AsyncGenerator<DecodedBatch> {
    for (const split of ["train", "test"] as const) {
      yield* readImages(path, entries.get(layout![split].images)!, split, labels[split], shape);
    }
  }
  return { shape, classes: names, batches: batches() };
}

async function* readImages(
  path: string,
  entry: ZipEntry,
  split: SplitName,
  labels: Float64Array,
  shape: ImageShape,
): AsyncGenerator<DecodedBatch> {
  const reader = entryReader(path, entry);
  try {
    const header = await readNpyHeader(reader, entry.size);
    const got = imageShape(reader.name, header);
    if (got.join() !== shape.join() || header.shape[0] !== labels.length) {
      throw new DataError(
        `${reader.name}: wanted ${labels.length} images of ${shape.join("x")}, ` +
          `got shape [${header.shape.join(",")}]`,
      );
    }
    const size = imageSize(shape);
    const rows = Math.max(1, Math.floor(BATCH_BYTES / size));
    for (let start = 0; start < labels.length; start += rows) {
      const part = labels.subarray(start, start + rows);
      yield { split, pixels: await reader.read(part.length * size), labels: part };
    }
    await reader.end();
  } finally {
    await reader.close();
  }
}

async function readLabels(path: string, entry: ZipEntry): Promise<Float64Array> {
  const reader = entryReader(path, entry);
  try {
    const { type, shape, bytes } = await readNpyHeader(reader, entry.size);
    const flat = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
    if (!flat || bytes > MOST_LABEL_BYTES) {
      throw new DataError(
        `${reader.name}: wanted one label an image, shape [N] or [N,1], got [${shape.join(",")}]`,
      );
    }
    const labels = npyNumbers(type, await reader.read(bytes));
    await reader.end();
    return labels;
  } finally {
    await reader.close();
  }
}

async function readShape(path: string, entry: ZipEntry): Promise<ImageShape> {
  const reader = entryReader(path, entry);
  try {
    return imageShape(reader.name, await readNpyHeader(reader, entry.size));
  } finally {
    await reader.close();
  }
}

function imageShape(where: string, { type, shape }: NpyHeader): ImageShape {
  const [, height = 0, width = 0, channels = 1] = shape;
  const fits = shape.length === 3 || (shape.length === 4 && (channels === 1 || channels === 3));
  const sides = [height, width];
  if (type !== "|u1" || !fits || sides.some((side) => side < 1 || side > LARGEST_SIDE)) {
    throw new DataError(
      `${where}: wanted images of type |u1 and shape [N,H,W] or [N,H,W,C] with C 1 or 3, ` +
        `got ${type} [${shape.join(",")}]`,
    );
  }
  return [height, width, channels];
}
