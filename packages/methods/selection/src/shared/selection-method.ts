import {
  choice,
  DataError,
  foldIn,
  type DistillationMethod,
  type PreparedPart,
  type Preset,
  type RunContext,
} from "@limbeck/core";
import type * as tf from "@tensorflow/tfjs-core";
import type { z } from "zod";
import type { SelectionConfig } from "./config.ts";

/** The images of a selection; a run's checkpoint is exactly this. */
export type SelectionState = {
  /** `[K·ipc, H, W, C]`, normalised space, grouped by class. Before the step a random choice. */
  readonly images: tf.Tensor4D;
};

/** What was chosen. */
export interface Selection {
  /** Positions in the training split, `ipc` of each class, class by class. */
  readonly positions: Int32Array;
  /** Value of what the rule goes by, for the log; see each method. */
  readonly criterion: number;
}

/** A selection rule as data and functions. */
export interface SelectionRule<Schema extends z.ZodType<SelectionConfig>> {
  readonly id: string;
  readonly title: string;
  readonly cite: string;
  readonly configSchema: Schema;
  readonly presets: Readonly<Record<string, Preset<z.input<Schema>>>>;
  prepare?(context: RunContext, config: z.output<Schema>): readonly PreparedPart[];
  /** Multiply-adds of the choice, what is prepared aside. */
  multiplyAdds(context: RunContext, config: z.output<Schema>): number;
  choose(context: RunContext, config: z.output<Schema>): Selection;
}

/**
 * A selection rule as a method: `ipc` real images of each class, in one step, so that selections run, are stored and are scored as
 * distillations are.
 */
export function selectionMethod<Schema extends z.ZodType<SelectionConfig>>(
  rule: SelectionRule<Schema>,
): DistillationMethod<Schema, SelectionState> {
  const { id, title, cite, configSchema, presets, prepare } = rule;
  return {
    id,
    title,
    cite,
    configSchema,
    presets,
    steps: () => 1,
    ...(prepare === undefined
      ? {}
      : { prepare: (context: RunContext, config: z.output<Schema>) => prepare(context, config) }),
    forecast(context, config) {
      const [height, width, channels] = context.dataset.shape;
      const size = context.dataset.classes.length * config.ipc;
      const images = 4 * size * height * width * channels;
      return {
        multiplyAddsPerStep: Math.max(1, rule.multiplyAdds(context, config)),
        peakBytes: 2 * images,
        setBytes: images + 4 * size,
      };
    },
    init: (context, { ipc }) => ({ images: context.real.read(randomPositions(context, ipc)) }),
    step(context, _state, config) {
      const { positions, criterion } = rule.choose(context, config);
      return { state: { images: context.real.read(positions) }, loss: criterion, terms: { criterion } };
    },
    result({ dataset }, { images }, { ipc }) {
      const size = images.shape[0];
      return {
        images: Float32Array.from(images.dataSync()),
        size,
        shape: dataset.shape,
        classes: dataset.classes,
        labels: { kind: "hard", values: Int32Array.from({ length: size }, (_, i) => Math.floor(i / ipc)) },
        normalisation: dataset.normalisation,
        augmentation: "none",
      };
    },
  };
}

/**
 * `ipc` positions of each class, drawn without replacement, class by class.
 *
 * @throws {DataError} if a class has fewer images.
 */
export function randomPositions({ dataset, real, key }: RunContext, ipc: number): Int32Array {
  const own = foldIn(key, "random-subset");
  return Int32Array.from(
    dataset.classes.flatMap((name, label) => {
      const members = real.ofClass(label);
      if (members.length >= ipc) return [...choice(foldIn(own, label), members, ipc)];
      throw new DataError(
        `${dataset.name}: class "${name}" has ${members.length} training images, fewer than the ${ipc} images per class asked for; lower ipc`,
      );
    }),
  );
}

/** A choice made class by class. */
export function chooseByClass(
  { dataset, real }: RunContext,
  choose: (members: Int32Array, label: number) => Selection,
): Selection {
  const chosen = dataset.classes.map((_, label) => choose(real.ofClass(label), label));
  return {
    positions: Int32Array.from(chosen.flatMap(({ positions }) => [...positions])),
    criterion: chosen.reduce((sum, { criterion }) => sum + criterion, 0) / chosen.length,
  };
}
