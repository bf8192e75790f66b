import type { SyntheticLabels } from "@limbeck/core/browser";

/** Images to train on, normalised, with their labels. */
export interface TrainingSet {
  readonly images: Float32Array;
  readonly size: number;
  readonly labels: SyntheticLabels;
  readonly factor: number;
  /** A teacher's scores of the decoded images, `[N·factor², K]`: the loss takes them for labels. */
  readonly scores?: Float32Array;
}

/** What can compute in a browser, by tfjs's names. */
export type BackendName = "webgpu" | "webgl" | "wasm";

/** What the worker computes on; `auto`: the fastest that this browser has. */
export type BackendChoice = "auto" | BackendName;

/** How images were normalised; whitened ones come so. */
export type InputKind =
  | { readonly kind: "mean-std"; readonly mean: readonly number[]; readonly std: readonly number[] }
  | { readonly kind: "whitened" };

/** What the page asks of the worker. */
export type Request =
  | {
      readonly kind: "train";
      readonly wasm: Uint8Array;
      readonly backend: BackendChoice;
      readonly network: string;
      readonly shape: readonly [number, number, number];
      readonly classes: readonly string[];
      readonly input: InputKind;
      readonly recipe: Readonly<Record<string, unknown>>;
      readonly seed: number;
      readonly set: TrainingSet;
      /** Normalised. */
      readonly test: { readonly images: Float32Array; readonly labels: readonly number[] };
    }
  /** A normalised image `[H, W, C]` to classify with the trained network. */
  | { readonly kind: "ask"; readonly image: Float32Array };

/** What the worker tells. */
export type Answer =
  /** Training begins, or begins anew on another back end. `passedOver`: those that were not taken, and why. */
  | { readonly kind: "ready"; readonly backend: string; readonly passedOver: readonly string[] }
  | {
      readonly kind: "epoch";
      readonly epoch: number;
      readonly epochs: number;
      readonly loss: number;
      readonly seconds: number;
    }
  /** Percent of the test images after an epoch. */
  | { readonly kind: "checked"; readonly epoch: number; readonly accuracy: number }
  | { readonly kind: "done"; readonly accuracy: number; readonly tested: number; readonly seconds: number }
  | { readonly kind: "answer"; readonly probabilities: readonly number[] }
  | { readonly kind: "failed"; readonly message: string };
