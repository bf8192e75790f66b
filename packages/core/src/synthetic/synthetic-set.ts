import type { ImageShape, Normalisation } from "../dataset/image-dataset.ts";
import type { StoredProjector, StoredViews } from "./view-labels.ts";

/** Labels of one kind. Only what a kind needs is stored. */
export type SyntheticLabels =
  | { readonly kind: "hard"; readonly values: Int32Array }
  /** Row-major `[N, K]` probabilities or logits, as the method learned them. */
  | { readonly kind: "soft"; readonly values: Float32Array; readonly space: "probabilities" | "logits" }
  /** A teacher's scores of augmented views; `values` are the classes of the stored images. */
  | { readonly kind: "views"; readonly values: Int32Array; readonly views: StoredViews }
  /** Scores come from a small stored model on a known encoder; `values` are the classes of the stored images. */
  | { readonly kind: "projector"; readonly values: Int32Array; readonly projector: StoredProjector };

/** Where a set came from: enough to repeat it. */
export interface Provenance {
  readonly method: string;
  readonly dataset: string;
  readonly datasetSha256: string;
  readonly ipc: number;
  /** The complete configuration, defaults included. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly iterations: number;
  readonly backend: string;
  readonly precision: string;
  readonly commit: string;
  readonly machine: string;
  readonly cite: string;
}

/** A condensed data set: plain arrays, no tensors, so it can be saved, sent and compared. */
export interface SyntheticSet {
  /** Row-major `[N, H, W, C]`, float32, in normalised space, grouped by class. Not clamped. */
  readonly images: Float32Array;
  readonly size: number;
  readonly shape: ImageShape;
  readonly classes: readonly string[];
  readonly labels: SyntheticLabels;
  readonly normalisation: Normalisation;
  /** The augmentation the set was made for, as a strategy string of `augment/`, or `none`. */
  readonly augmentation: string;
  /**
   * Multi-formation: the stored images are `factor` × `factor` training images side by side, see `multiFormation`. At least 2;
   * absent where an image is an image. `images`, `size` and `labels` are those of the stored images.
   */
  readonly factor?: number;
  /** Learned step size of the student, where the method has one. */
  readonly stepSize?: number;
  readonly provenance: Provenance;
}
