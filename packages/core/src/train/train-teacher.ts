import type { z } from "zod";
import type { TrainedModel } from "../artifact/network-file.ts";
import type { ImageDataset } from "../dataset/image-dataset.ts";
import { ConfigError } from "../errors.ts";
import { resolveConfig } from "../method/resolve-config.ts";
import { createRunContext } from "../run/run-context.ts";
import { preparedTeacher, teacherParts, teacherSchema } from "./teacher.ts";
import { prepareAlone } from "./prepare-alone.ts";
import type { ResumableTrainingOptions } from "./training-parts.ts";

/** Name of the teacher among the parts, and what begins its messages. */
const PART = "teacher";

/** Settings of a teacher that is trained here. */
export const trainedTeacherSchema = teacherSchema.omit({ file: true, normalisation: true });
/** What a user writes. */
export type TrainedTeacherInput = z.input<typeof trainedTeacherSchema>;
/** Defaults filled in. */
export type TrainedTeacherConfig = z.output<typeof trainedTeacherSchema>;

/**
 * A complete configuration of {@link trainTeacher}.
 *
 * @throws {ConfigError} naming the key or value that is wrong, and what is known or wanted.
 */
export function trainedTeacherConfig(input: TrainedTeacherInput): TrainedTeacherConfig {
  return resolveConfig({ id: PART, configSchema: trainedTeacherSchema, presets: {} }, { config: input });
}

/**
 * Trains a teacher on a data set's training images: the one that the methods of a run would train with the same settings, found in the
 * same store. Stopped and called again it goes on to the same bits.
 *
 * @param options `store`: default the memory of the process.
 * @returns A network of the zoo for `networkTeacher`, `writeNetwork` and methods' `teacher.file`; the caller owns its tensors.
 * @throws {ConfigError} if the network is unknown or has no batch normalisation, or the images are whitened.
 * @throws {DataError} if a stored part is damaged.
 * @throws {RunError} if the loss is not finite.
 * @throws {InterruptedError} if it was asked to stop.
 */
export async function trainTeacher(
  dataset: ImageDataset,
  input: TrainedTeacherInput,
  options: ResumableTrainingOptions = {},
): Promise<TrainedModel> {
  const config = trainedTeacherConfig(input);
  const { name, normalisation, classes } = dataset;
  if (normalisation.kind !== "mean-std") {
    throw new ConfigError(
      `${PART}: wanted images with a mean and a standard deviation, ${name} is given whitened; open the data without whitening`,
    );
  }
  const context = createRunContext(dataset, config.seed);
  const parts = teacherParts(context, PART, config, options.onEpoch);
  const ready = await prepareAlone("train-teacher", context, parts, config, options);
  return { ...preparedTeacher(ready, PART, config), classes, normalisation };
}
