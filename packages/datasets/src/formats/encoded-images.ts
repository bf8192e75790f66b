import type { ImageShape } from "@limbeck/core";
import type { DecodedBatch, DecodedImages, SplitName } from "../cache/decoded-images.ts";
import { ImageDecoder, type EncodedImage, type ImageDecoderOptions } from "./image-decoder.ts";

/** An image file with its class. */
export interface LabelledImage extends EncodedImage {
  readonly label: number;
}

/** Images of one split, streamed in order. */
export type LabelledImages = AsyncIterable<LabelledImage> | Iterable<LabelledImage>;

const BATCH_IMAGES = 64;

/**
 * Decode labelled image files: all of train, then all of test. The shape is known once the first images are decoded,
 * so they are decoded before this returns.
 *
 * @throws {DataError} as {@link ImageDecoder.decode}, from here or from the batches.
 */
export async function decodeLabelledImages(
  classes: readonly string[],
  splits: Readonly<Record<SplitName, LabelledImages>>,
  options: ImageDecoderOptions,
): Promise<DecodedImages> {
  const batches = decodeSplits(splits, new ImageDecoder(options));
  const first = await batches.next();
  if (first.done === true) {
    // The writer reports a split without images.
    return { shape: [1, 1, 1], classes, batches };
  }
  async function* all(): AsyncGenerator<DecodedBatch> {
    yield first.value as ShapedBatch;
    yield* batches;
  }
  return { shape: first.value.shape, classes, batches: all() };
}

type ShapedBatch = DecodedBatch & { readonly shape: ImageShape };

async function* decodeSplits(
  splits: Readonly<Record<SplitName, LabelledImages>>,
  decoder: ImageDecoder,
): AsyncGenerator<ShapedBatch> {
  for (const split of ["train", "test"] as const) {
    for await (const images of groups(splits[split], BATCH_IMAGES)) {
      const { shape, pixels } = await decoder.decode(images);
      yield { split, shape, pixels, labels: images.map(({ label }) => label) };
    }
  }
}

async function* groups<T>(items: AsyncIterable<T> | Iterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length === size) {
      yield group;
      group = [];
    }
  }
  if (group.length > 0) yield group;
}
