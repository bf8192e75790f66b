import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import type { ImageDataset, Normalisation } from "../dataset/image-dataset.ts";
import { useBackend } from "../engine/engine.ts";
import { ConfigError, RunError } from "../errors.ts";
import type { DistillationMethod, MethodState, RunContext, StepResult } from "../method/method.ts";
import { resolveConfig } from "../method/resolve-config.ts";
import { disposeState, stateTensors } from "../method/state-tensors.ts";
import { createRunContext } from "../run/run-context.ts";
import { distill } from "../run/distill.ts";
import { memoryPartStore } from "../run/part-store.ts";
import { prepareContext } from "../run/prepare-parts.ts";
import { decodeState, encodeState } from "../run/state-codec.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { toyDataset } from "./toy-dataset.ts";

export interface TestMethodOptions<ConfigInput> {
  /** A configuration whose run takes a second or two: few and small networks. At least 4 steps, `ipc` of 2 or less. */
  readonly config: ConfigInput;
  /** Default: {@link toyDataset} with images of 8×8. */
  readonly dataset?: ImageDataset;
  /** Back end of the tests. Default `cpu`. */
  readonly backend?: string;
  /**
   * The last quarter of the losses must be below this part of the first quarter, in the mean. Default 0.9: methods whose
   * loss jumps from step to step, with every fresh network, need more steps or a larger value.
   */
  readonly lossFallsTo?: number;
}

/**
 * What every method must keep, as tests in the file that calls it: same seed, same bits, and another seed, others; shapes,
 * balanced labels, finite numbers; inputs untouched; no tensor left behind; unknown keys refused; the loss falls on a toy set;
 * a state that went through a checkpoint gives the same bits; the steps of an open-ended method do not depend on their number; NaN stops the run; `result` may be called between any two steps.
 */
export function testMethod<Schema extends z.ZodType, State extends MethodState>(
  method: DistillationMethod<Schema, State>,
  options: TestMethodOptions<z.input<Schema>>,
): void {
  const { dataset = toyDataset(), lossFallsTo = 0.9 } = options;
  const input = options.config as z.input<Schema> & object;
  const config = resolveConfig(method, { config: input });
  const steps = method.steps(config, dataset);
  const ipc = Number((config as { ipc?: unknown }).ipc);
  const store = memoryPartStore();

  /** A run's context, with what the method prepares: made once for all tests. */
  const contextOf = (source: ImageDataset, seed: number): Promise<RunContext> =>
    prepareContext(method, createRunContext(source, seed), config, {
      store,
      environment: { backend: "test", precision: "highest", threads: 1 },
    });

  /** Runs the method by hand. `between` sees every state and may put another in its place. */
  const drive = async (
    seed: number,
    between: (state: State, step: number) => State | Promise<State> = (state) => state,
    source = dataset,
    chosen = config,
  ): Promise<Outcome> => {
    const context = await contextOf(source, seed);
    let state = await between(method.init(context, chosen), 0);
    const results: StepResult<State>[] = [];
    for (let step = 0; step < method.steps(chosen, source); step++) {
      const result = method.step(context, state, chosen, step);
      disposeState(state, result.state);
      results.push(result);
      state = await between(result.state, step + 1);
    }
    const set = method.result(context, state, chosen);
    disposeState(state);
    return { set, losses: results.map(({ loss }) => loss), terms: results.map(({ terms }) => terms) };
  };

  describe(`${method.id} keeps the contract of a method`, () => {
    let first: Outcome;
    beforeAll(async () => {
      await useBackend(options.backend ?? "cpu");
      first = await drive(0);
    });
    afterAll(() => tf.disposeVariables());

    it("has an id, a title, a citation, and presets that its schema accepts", () => {
      expect(method.id).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(method.title).not.toBe("");
      expect(method.cite).toMatch(/^@\w+\{/);
      expect(steps).toBeGreaterThanOrEqual(4);
      for (const [preset, { source }] of Object.entries(method.presets)) {
        expect(() => resolveConfig(method, { preset }), preset).not.toThrow();
        expect(source, preset).not.toBe("");
      }
    });

    it("rejects unknown configuration keys", () => {
      const config = { ...input, stepz: 1 } as Partial<z.input<Schema>>;
      expect(() => resolveConfig(method, { config })).toThrow(ConfigError);
      expect(() => resolveConfig(method, { config })).toThrow(
        `${method.id} config: Unrecognized key: "stepz"`,
      );
    });

    it("gives ipc images per class in class order, with finite pixels and losses", () => {
      const { set, losses, terms } = first;
      expect(set.shape).toEqual(dataset.shape);
      expect(set.classes).toEqual(dataset.classes);
      expect(set.normalisation).toEqual(dataset.normalisation);
      expect(set.size).toBe(ipc * dataset.classes.length);
      expect(set.images).toHaveLength(set.size * set.shape[0] * set.shape[1] * set.shape[2]);
      expect(set.images.every(Number.isFinite)).toBe(true);
      if (set.labels.kind !== "soft") {
        expect(Array.from(set.labels.values)).toEqual(
          dataset.classes.flatMap((_, c) => Array.from({ length: ipc }, () => c)),
        );
      } else {
        expect(set.labels.values).toHaveLength(set.size * dataset.classes.length);
        expect(set.labels.values.every(Number.isFinite)).toBe(true);
      }
      expect([...losses, ...terms.flatMap((term) => Object.values(term))].every(Number.isFinite)).toBe(true);
    });

    it("gives the same bits for the same seed and others for another", async () => {
      expect(bitsOf(await drive(0))).toEqual(bitsOf(first));
      expect(bitsOf(await drive(1))).not.toEqual(bitsOf(first));
    });

    it("moves the images and lowers the loss on a toy set", async () => {
      const still = firstImages(method, config, await contextOf(dataset, 0));
      expect(digest(still)).not.toBe(digest(first.set.images));
      const quarter = Math.ceil(steps / 4);
      expect(mean(first.losses.slice(-quarter))).toBeLessThan(
        lossFallsTo * mean(first.losses.slice(0, quarter)),
      );
    });

    it("leaves the state it is given and the data set untouched", async () => {
      const pixels = allPixels(dataset);
      const labels = dataset.train.labels.slice();
      const context = await contextOf(dataset, 0);
      const state = method.init(context, config);
      const before = await encodeState(state, method.id);
      const result = method.step(context, state, config, 0);
      for (const { path, tensor } of stateTensors(state)) {
        expect(tensor.isDisposed, `${path.join(".")} disposed of by the step`).toBe(false);
      }
      expect(await encodeState(state, method.id)).toEqual(before);
      expect(allPixels(dataset)).toEqual(pixels);
      expect(dataset.train.labels).toEqual(labels);
      disposeState(state, result.state);
      disposeState(result.state);
    });

    it("leaves no tensor behind", async () => {
      const before = tf.memory().numTensors;
      await drive(0);
      expect(tf.memory().numTensors).toBe(before);
    });

    it("keeps the number of live tensors constant from step to step", async () => {
      const counts: number[] = [];
      await drive(0, (state) => {
        counts.push(tf.memory().numTensors);
        return state;
      });
      expect(new Set(counts.slice(2)).size).toBe(1);
    });

    it("gives the same bits when its state goes through a checkpoint after every step", async () => {
      const outcome = await drive(0, async (state) => {
        const { tree, tensors } = await encodeState(state, method.id);
        disposeState(state);
        return decodeState(
          { tree: JSON.parse(JSON.stringify(tree)) as typeof tree, tensors },
          method.id,
        ) as State;
      });
      expect(bitsOf(outcome)).toEqual(bitsOf(first));
    });

    it.runIf(method.openEnded)("takes the first steps of a longer run, however few there are", async () => {
      const half = Math.floor(steps / 2);
      let halfway: Omit<SyntheticSet, "provenance"> | undefined;
      const context = await contextOf(dataset, 0);
      const { losses } = await drive(0, (state, step) => {
        if (step === half) halfway = method.result(context, state, config);
        return state;
      });
      const short = resolveConfig(method, { config: { ...input, iterations: half } });
      expect(method.steps(short, dataset)).toBe(half);
      const outcome = await drive(0, (state) => state, dataset, short);
      expect(digest(outcome.set.images)).toBe(digest(halfway!.images));
      expect(outcome.losses).toEqual(losses.slice(0, half));
    });

    it("lets result be called between any two steps, without a trace", async () => {
      const context = await contextOf(dataset, 0);
      const outcome = await drive(0, (state) => {
        const before = tf.memory().numTensors;
        const set = method.result(context, state, config);
        expect(set.images.every(Number.isFinite)).toBe(true);
        expect(tf.memory().numTensors).toBe(before);
        return state;
      });
      expect(bitsOf(outcome)).toEqual(bitsOf(first));
    });

    it("stops with RunError where the data hold NaN", async () => {
      const before = tf.memory().numTensors;
      await expect(distill(method, withNan(dataset), { config: input }).result).rejects.toThrow(RunError);
      expect(tf.memory().numTensors).toBe(before);
    });

    it("forecasts positive costs and the true size of the set", () => {
      const { multiplyAddsPerStep, peakBytes, setBytes } = method.forecast(
        createRunContext(dataset, 0),
        config,
      );
      expect(multiplyAddsPerStep).toBeGreaterThan(0);
      expect(peakBytes).toBeGreaterThan(0);
      expect(setBytes).toBeGreaterThanOrEqual(first.set.images.byteLength);
      expect(setBytes).toBeLessThanOrEqual(
        first.set.images.byteLength + 4 * first.set.size * dataset.classes.length + 64,
      );
    });
  });
}

interface Outcome {
  readonly set: Omit<SyntheticSet, "provenance">;
  readonly losses: readonly number[];
  readonly terms: readonly Readonly<Record<string, number>>[];
}

/** What must be equal, to the bit, between two runs. Digests, because the difference of two long arrays says nothing. */
function bitsOf({ set, losses, terms }: Outcome): unknown {
  return {
    images: digest(set.images),
    labels: digest(set.labels.values),
    stepSize: set.stepSize,
    losses,
    terms,
  };
}

function digest(values: Float32Array | Int32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return createHash("sha256").update(bytes).digest("hex");
}

function firstImages<Schema extends z.ZodType, State extends MethodState>(
  method: DistillationMethod<Schema, State>,
  config: z.output<Schema>,
  context: RunContext,
): Float32Array {
  const state = method.init(context, config);
  const { images } = method.result(context, state, config);
  disposeState(state);
  return images;
}

function allPixels({ train }: ImageDataset): Buffer {
  return Buffer.from(train.read(Array.from({ length: train.size }, (_, i) => i)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The same data set, whose normalised images are NaN. */
function withNan(dataset: ImageDataset): ImageDataset {
  const channels = Array.from({ length: dataset.shape[2] });
  const normalisation: Normalisation = {
    kind: "mean-std",
    mean: channels.map(() => NaN),
    std: channels.map(() => 1),
  };
  return { ...dataset, normalisation };
}
