import { z } from "zod";

/** What every selection has. There is one step: the choice. */
export const selectionShape = {
  ipc: z.int().min(1).describe("real images per class"),
  iterations: z.literal(1).default(1).describe("the choice is one step"),
} as const;

/** What those have that look at the images through networks trained on the real set. */
export const trainedShape = {
  network: z
    .string()
    .default("convnet3")
    .describe("trained on the real set first, a name of the zoo without batch normalisation"),
  trainingEpochs: z.int().min(1).default(10).describe("epochs of that training"),
} as const;

/** @see selectionShape */
export interface SelectionConfig {
  readonly ipc: number;
}

/** @see trainedShape */
export interface TrainedConfig extends SelectionConfig {
  readonly network: string;
  readonly trainingEpochs: number;
}
