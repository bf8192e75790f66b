import {
  ConfigError,
  foldIn,
  hardLabels,
  hashImages,
  keyFromSeed,
  memoryBytes,
  realImages,
  withLabels,
  type ImageDataset,
  type SyntheticSet,
} from "@limbeck/core";
import { teacherFor, type Teacher } from "../teacher.ts";
import { projectorConfigSchema, type ProjectorConfigInput } from "./config.ts";
import type { Encoder, HeadWeights } from "./encoder.ts";
import { packProjector, projectorScores } from "./projector.ts";
import { refineImages } from "./refine-images.ts";
import { trainProjector } from "./train-projector.ts";

export interface LabelByProjectorOptions {
  readonly teacher: Teacher;
  readonly encoder: Encoder;
  /** The data that the set was made from: its training split teaches the projector. */
  readonly dataset: ImageDataset;
  /** The head's start from the class names; without it from class prototypes, which are then stored. */
  readonly textHead?: HeadWeights;
  readonly config?: ProjectorConfigInput;
  /** Convert images to the teacher's normalisation. Default false. */
  readonly renormalise?: boolean;
  readonly onStep?: (step: number, steps: number, loss: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * HeLlO: labels that a projector makes when they are wanted. Only its low-rank matrices and head are stored, as float16; the encoder is
 * what both sides have. Where asked, the images are refined first, so that the labels belong to the refined ones.
 *
 * @throws {ConfigError} if set, data set, teacher and encoder do not belong together.
 * @see HeLlO, "Heavy Labels Out! Dataset Distillation with Label Space Lightening" (ICCV 2025).
 */
export async function labelByProjector(
  set: SyntheticSet,
  options: LabelByProjectorOptions,
): Promise<SyntheticSet> {
  const { encoder, textHead, signal, onStep } = options;
  const config = projectorConfigSchema.parse(options.config ?? {});
  const dataset = { ...options.dataset, normalisation: set.normalisation };
  if (String(dataset.shape) !== String(set.shape) || String(dataset.classes) !== String(set.classes)) {
    throw new ConfigError(
      `projector: set and data set must have the same shape and classes, got [${set.shape}] and [${dataset.shape}]; give the data that the set was made from`,
    );
  }
  const teacher = teacherFor(set, options.teacher, options.renormalise);
  const key = foldIn(keyFromSeed(config.seed), "projector");
  const projector = await trainProjector({
    encoder,
    teacher,
    dataset,
    real: realImages(dataset),
    ...(textHead === undefined ? {} : { textHead }),
    config,
    key,
    onStep: (step, loss) => onStep?.(step, config.steps, loss),
    ...(signal === undefined ? {} : { signal }),
  });
  const model = projectorScores(projector, set.normalisation);
  try {
    const images =
      config.refineSteps === 0
        ? set.images
        : await refineImages(set, model, teacher, config, foldIn(key, "refine"), signal);
    const refined = { ...set, images };
    const { model: described, numbers } = packProjector(projector);
    const header = {
      images: hashImages(refined),
      teacher: teacher.sha256,
      classes: set.classes.length,
      model: described,
    };
    const stored = { header, records: memoryBytes(numbers) };
    const labels = { kind: "projector", values: hardLabels(set), projector: stored } as const;
    const description = {
      form: { kind: "projector", ...config },
      encoder: encoder.name,
      teacher: teacher.sha256,
    };
    return withLabels(refined, labels, description);
  } finally {
    model.dispose();
  }
}
