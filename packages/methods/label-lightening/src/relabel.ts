import {
  ConfigError,
  hardLabels,
  hashImages,
  memoryBytes,
  openLabelWriter,
  recordsLength,
  writeLabels,
  withLabels,
  type Recipe,
  type StoredLabels,
  type SyntheticSet,
} from "@limbeck/core";
import { labelFormSchema, type LabelForm, type LabelFormInput } from "./label-form.ts";
import { encodedBlocks, labelWork, type LabelWork } from "./label-work.ts";
import { teacherFor, type Teacher } from "./teacher.ts";

export interface RelabelOptions {
  readonly teacher: Teacher;
  readonly form: LabelFormInput;
  /** How students will be trained: its batches, epochs, augmentation and mixing are those of the views. */
  readonly recipe: Recipe;
  /** Decides the views. Default 0. */
  readonly seed?: number;
  /** Convert images to the teacher's normalisation. Default false. */
  readonly renormalise?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops between two batches; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * The same images with labels of a teacher, in one of the forms of {@link labelFormSchema}. Only what is kept is computed. Scores are stored
 * less their mean over the classes, which no soft-max sees.
 *
 * Order, batches, crops, flips and mixing follow from the seed, so none of them is stored; where published stores keep 25 to 60 bytes of
 * them for every view, this is the seed in the header.
 *
 * @throws {ConfigError} if teacher and set have different classes or normalisation, or the form is not one.
 * @see Shen and Xing, "A Fast Knowledge Distillation Framework for Visual Recognition" (ECCV 2022); Yin, Xing and Shen,
 * "Squeeze, Recover and Relabel" (NeurIPS 2023); Xiao and He, "Are Large-scale Soft Labels Necessary for Large-scale Dataset
 * Distillation?" (NeurIPS 2024).
 */
export async function relabel(set: SyntheticSet, options: RelabelOptions): Promise<SyntheticSet> {
  const { form, teacher, work } = planLabels(set, options);
  const labels = work === undefined ? onlineLabels(set, teacher) : await storedLabels(work, options);
  const description = { form, teacher: teacher.sha256, seed: options.seed ?? 0 };
  return withLabels(set, { ...labels, values: hardLabels(set) }, description);
}

/**
 * As {@link relabel}, into a file of the labels alone. Every batch is written when it is scored, so that neither the memory nor what a
 * kill destroys grows with their number: the same call goes on where a stopped one was, to the same bytes.
 *
 * `withStoredLabels(set, openLabels(path))` is the set to train on; it reads a batch at a time.
 *
 * @throws {ConfigError} as {@link relabel}.
 * @throws {RunError} if unfinished labels of something else lie beside `path`, or the disk is full; what is scored stays.
 */
export async function relabelToFile(path: string, set: SyntheticSet, options: RelabelOptions): Promise<void> {
  const { teacher, work } = planLabels(set, options);
  if (work === undefined) {
    writeLabels(path, onlineLabels(set, teacher));
    return;
  }
  const writer = openLabelWriter(path, work.header);
  try {
    for await (const { offset, records } of encodedBlocks(work, { ...options, found: writer.found })) {
      writer.write(offset, records);
    }
    writer.finish();
  } finally {
    writer.close();
  }
}

interface LabelPlan {
  readonly form: LabelForm;
  readonly teacher: Teacher;
  /** Nothing where the labels are made online. */
  readonly work?: LabelWork;
}

function planLabels(
  set: SyntheticSet,
  { form: input, recipe, seed = 0, ...options }: RelabelOptions,
): LabelPlan {
  const form = parseForm(input);
  const teacher = teacherFor(set, options.teacher, options.renormalise);
  if (form.kind === "online") return { form, teacher };
  return { form, teacher, work: labelWork(set, teacher, form, { recipe, seed }) };
}

function parseForm(input: LabelFormInput): LabelForm {
  const parsed = labelFormSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ConfigError(`label form: ${issue!.path.join(".") || "kind"}: ${issue!.message}`);
}

async function storedLabels(work: LabelWork, options: RelabelOptions): Promise<StoredLabels> {
  const { header } = work;
  const bytes = new Uint8Array(recordsLength(header));
  for await (const { offset, records } of encodedBlocks(work, options)) bytes.set(records, offset);
  return { kind: "views", views: { header, records: memoryBytes(bytes) } };
}

function onlineLabels(set: SyntheticSet, { sha256 }: Teacher): StoredLabels {
  const header = {
    images: hashImages(set),
    teacher: sha256,
    classes: set.classes.length,
    model: { kind: "teacher" },
  };
  return { kind: "projector", projector: { header, records: memoryBytes(new Uint8Array()) } };
}
