import { z } from "zod";

/**
 * One evaluation, one JSON line, never overwritten. Accuracies are raw: mean and spread are computed when a table is made.
 */
export const recordSchema = z
  .strictObject({
    /** Method id; `random` and `full` are the baselines. */
    method: z.string().min(1),
    dataset: z.string().min(1),
    /** `zca` where the images were whitened; without it the data set's per-channel constants. */
    normalisation: z.literal("zca").optional(),
    /** Images per class. */
    ipc: z.number().positive(),
    /** Seed of the distillation or of the draw; absent in old records. */
    seed: z.int().optional(),
    /** Kind of the set's own labels; absent in old records. */
    labels: z.string().optional(),
    /** Network that was trained on the set. */
    network: z.string().min(1),
    /** Protocol id, such as `dsa-v1`. */
    protocol: z.string().min(1),
    seeds: z.array(z.int()).min(1),
    /** Percent on the full real test split, one a seed, last epoch. */
    accuracy: z.array(z.number().min(0).max(100)).min(1),
    /** Under a protocol that chooses: what was chosen, and the percent on held-out training images that chose it. */
    tuned: z
      .strictObject({
        learningRate: z.number().positive(),
        epochs: z.int().min(1),
        validation: z.number().min(0).max(100),
      })
      .optional(),
    /** Where the set is one of several of its run: their steps, and the mean percent on held-out training images that chose it. */
    chosen: z
      .strictObject({
        steps: z.array(z.int().min(0)).min(2),
        validation: z.array(z.number().min(0).max(100)).min(2),
        /** Share of the training images that the run did not see. */
        share: z.number().gt(0).lt(1),
      })
      .optional(),
    /** Complete configuration of the method, defaults filled in. */
    config: z.record(z.string(), z.unknown()),
    /** Content hash of the evaluated set. */
    set: z.string().min(1),
    /** Wall seconds: of the distillation up to this set, and of all evaluations together. */
    seconds: z.strictObject({ distill: z.number().min(0), evaluate: z.number().min(0) }),
    /** Bytes a user of the set has to store. */
    bytes: z.strictObject({ images: z.int().min(0), labels: z.int().min(0), decoder: z.int().min(0) }),
    backend: z.string().min(1),
    precision: z.string().min(1),
    commit: z.string().min(1),
    machine: z.string().min(1),
    /** ISO 8601, UTC. */
    date: z.iso.datetime(),
    /** Id of the sweep's cell that made it: no cell is recorded twice in one file. */
    cell: z.string().min(1).optional(),
  })
  .refine((record) => record.seeds.length === record.accuracy.length, {
    message: "accuracy must have one value per seed",
    path: ["accuracy"],
  });

/** @see recordSchema */
export type EvaluationRecord = z.output<typeof recordSchema>;
