import type { SyntheticLabels } from "@limbeck/core/browser";

/** Images to train on, normalised, with their labels. */
export interface TrainingSet {
  readonly images: Float32Array;
  readonly size: number;
  readonly labels: SyntheticLabels;
  readonly factor: number;
}

/** What the worker computes on; `auto`: the fastest that this browser has. */
export type BackendChoice = "auto" | "webgl" | "wasm";

/** What the page asks of the worker. */
export type Request =
  | {
      readonly kind: "train";
      readonly wasm: Uint8Array;
      readonly backend: BackendChoice;
      readonly network: string;
      readonly shape: readonly [number, number, number];
      readonly classes: readonly string[];
      readonly mean: readonly number[];
      readonly std: readonly number[];
      readonly recipe: Readonly<Record<string, unknown>>;
      readonly seed: number;
      readonly set: TrainingSet;
      readonly test: { readonly pixels: Uint8Array; readonly labels: readonly number[] };
    }
  /** Pixels `[H, W, C]` to classify with the trained network. */
  | { readonly kind: "ask"; readonly pixels: Uint8Array };

/** What the worker tells. */
export type Answer =
  | { readonly kind: "ready"; readonly backend: string }
  | {
      readonly kind: "epoch";
      readonly epoch: number;
      readonly epochs: number;
      readonly loss: number;
      readonly seconds: number;
      /** Percent of the test images, at some epochs. */
      readonly accuracy?: number;
    }
  | { readonly kind: "done"; readonly accuracy: number; readonly tested: number; readonly seconds: number }
  | { readonly kind: "answer"; readonly probabilities: readonly number[] }
  | { readonly kind: "failed"; readonly message: string };
