/** What a data set is to the rest of the suite. Loaders live in `@limbeck/datasets`. */

/** Shape of one image: height, width, channels (NHWC without the N). */
export type ImageShape = readonly [height: number, width: number, channels: number];

/** How raw pixels in [0, 1] become network input. It travels with every synthetic set. */
export type Normalisation =
  | { readonly kind: "mean-std"; readonly mean: readonly number[]; readonly std: readonly number[] }
  | {
      readonly kind: "zca";
      readonly mean: Float32Array;
      readonly whiten: Float32Array;
      readonly unwhiten: Float32Array;
    };

/** One split: images decoded once and read by position, so that a set larger than memory works. */
export interface ImageSplit {
  /** Number of images. */
  readonly size: number;
  /** Class of each image, `[size]`. */
  readonly labels: Int32Array;
  /**
   * Raw pixels of the images at `indices`, `[indices.length, H, W, C]` in the given order, values 0…255.
   * @throws {DataError} if the underlying file cannot be read; `RangeError` if an index is outside the split.
   */
  read(indices: ArrayLike<number>): Uint8Array;
}

/** A labelled image data set with a train and a test split. */
export interface ImageDataset {
  /** Identifier such as `cifar10`. */
  readonly name: string;
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly shape: ImageShape;
  /** Per-channel constants of the published protocols (on pixels scaled to [0, 1]). */
  readonly normalisation: Normalisation;
  readonly train: ImageSplit;
  readonly test: ImageSplit;
  /** Whether a horizontal mirror image keeps its class (false for digits): the default of augmentation. */
  readonly mirrorInvariant: boolean;
  /** Where the data come from, for records and cards. */
  readonly source: { readonly citation: string; readonly licence: string; readonly origin: string };
  /** SHA-256 over the decoded pixels and labels of both splits: the identity of the data. */
  readonly sha256: string;
}
