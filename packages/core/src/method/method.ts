import type * as tf from "@tensorflow/tfjs-core";
import type { z } from "zod";
import type { ImageDataset, Normalisation } from "../dataset/image-dataset.ts";
import type { Whitening } from "../dataset/zca.ts";
import type { Network } from "../nn/network.ts";
import type { Key } from "../random/key.ts";
import type { PreparedArrays, PreparedPart } from "./prepared-part.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";

/** Everything a method keeps between two steps: a tree of tensors and plain values. It is the checkpoint. */
export type MethodState = {
  readonly [name: string]: tf.Tensor | number | string | boolean | MethodState;
};

/** Where a preset's values come from. `reported`: a paper or its code; `reproduced`: a record here shows it; `sample`: for trying out. */
export type PresetStatus = "reported" | "reproduced" | "sample";

export interface Preset<ConfigInput> {
  readonly status: PresetStatus;
  /** Paper, table and row, or repository file. */
  readonly source: string;
  /** Data set the values were chosen for, or `any`. */
  readonly dataset: string;
  /** The values are for whitened images: give the run such a {@link whitenedDataset}. The command does by itself. */
  readonly zca?: Whitening;
  /** The values are for images with these constants: give the run the data set with them. The command does by itself. */
  readonly normalisation?: Extract<Normalisation, { kind: "mean-std" }>;
  readonly config: ConfigInput;
}

/** What a step may use besides its state. Nothing here changes during a run. */
export interface RunContext {
  readonly dataset: ImageDataset;
  /** Normalised training images of one class or of the whole split, by position. */
  readonly real: RealImages;
  /** Key of the whole run; derive the step's own with `foldIn(key, step)`. */
  readonly key: Key;
  /** Builds a network of the zoo for this data set's shape and classes. */
  network(name: string): Network;
  /**
   * What {@link DistillationMethod.prepare} asked for, by the part's name. Present where the harness has prepared the run.
   * @throws {RunError} on a part that was not asked for.
   */
  prepared?(name: string): PreparedArrays;
}

/** Reads normalised real images as tensors. The caller owns the tensors. */
export interface RealImages {
  /** Positions of the training images of class `label`, ascending. */
  ofClass(label: number): Int32Array;
  /** Images at the given positions of the training split, `[indices.length, H, W, C]`, normalised float32. */
  read(indices: ArrayLike<number>): tf.Tensor4D;
}

export interface StepResult<State extends MethodState> {
  readonly state: State;
  /** The minimised loss at this step. */
  readonly loss: number;
  /** Named parts of the loss, logged apart. */
  readonly terms: Readonly<Record<string, number>>;
}

/** Cost of a run, told before it starts. */
export interface Forecast {
  /** Multiply-adds of one step, all passes. */
  readonly multiplyAddsPerStep: number;
  /** Peak bytes of tensors during a step, estimated. */
  readonly peakBytes: number;
  /** Bytes of the finished images and labels. */
  readonly setBytes: number;
  /** Cost of what is prepared before the first step, unless it lies in the cache. Filled in by the harness. */
  readonly preparation?: {
    readonly parts: number;
    readonly multiplyAdds: number;
    readonly bytes: number;
  };
}

/**
 * What a method package hands to the harness: data and pure functions behind one contract.
 * The harness may ask what a method can do, never which method it is.
 *
 * Ownership: `init` and `step` return states whose tensors the harness disposes of; a tensor that a step passes on
 * unchanged stays alive. Whatever else a step creates it must dispose of itself (`tf.tidy`).
 */
export interface DistillationMethod<
  Schema extends z.ZodType = z.ZodType,
  State extends MethodState = MethodState,
> {
  /** The paper's own short name, lower case. */
  readonly id: string;
  readonly title: string;
  /** BibTeX. */
  readonly cite: string;
  /** The only definition of the method's configuration; unknown keys are errors. Must contain `ipc` and `iterations`. */
  readonly configSchema: Schema;
  readonly presets: Readonly<Record<string, Preset<z.input<Schema>>>>;
  /**
   * Nothing but `steps` depends on `iterations`: the first steps of a long run are those of a short one, so a finished run can be
   * continued to more of them.
   */
  readonly openEnded?: true;
  /** Number of steps of a run. */
  steps(config: z.output<Schema>, dataset: Pick<ImageDataset, "classes">): number;
  forecast(context: RunContext, config: z.output<Schema>): Forecast;
  /**
   * What the run needs before its first step: networks, experts, pools. The harness makes every part once, or finds it in its
   * cache, before `init`. Nothing is made by this call itself.
   */
  prepare?(context: RunContext, config: z.output<Schema>): readonly PreparedPart[];
  init(context: RunContext, config: z.output<Schema>): State;
  /**
   * One update. Depends only on its arguments: same context, state and step give the same bits.
   * @param step 0-based number of this step.
   */
  step(context: RunContext, state: State, config: z.output<Schema>, step: number): StepResult<State>;
  /** The set as it stands; may be called between any two steps. `provenance` is filled in by the harness. */
  result(context: RunContext, state: State, config: z.output<Schema>): Omit<SyntheticSet, "provenance">;
}
