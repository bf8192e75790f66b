import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  engineIdentity,
  hashSyntheticSet,
  InterruptedError,
  readSet,
  sortedJson,
  writeSet,
  type ImageDataset,
  type SyntheticSet,
  type TrainedModel,
} from "@limbeck/core";
import {
  labelByProjector,
  labelForms,
  labelModelOf,
  networkTeacher,
  relabel,
  zooEncoder,
  type Encoder,
  type HeadWeights,
  type ProjectorConfig,
} from "@limbeck/label-lightening";
import { evaluateCached } from "../accuracy/evaluate-cached.ts";
import type { EvaluationProgress } from "../accuracy/evaluate-set.ts";
import { protocolHash, recipeFor, type Protocol } from "../protocol/protocol.ts";
import { protocolForClasses } from "../protocol/protocols.ts";
import { appendRecord, readRecords } from "../records/record-file.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { withClassesOnly, type NamedForm } from "./named-form.ts";

export interface LabelBytesOptions {
  readonly forms: readonly NamedForm[];
  /** Its tensors stay the caller's. */
  readonly teacher: TrainedModel;
  /** What `hello` adapts. Default: the teacher. Its tensors stay the caller's. */
  readonly encoder?: Encoder;
  /** The start of the projector's head from texts; default: class prototypes. */
  readonly textHead?: HeadWeights;
  readonly projector: ProjectorConfig;
  /** Decides the views. Default 0. */
  readonly labelSeed?: number;
  /** Convert images to the teacher's normalisation. Default false. */
  readonly renormalise?: boolean;
  readonly protocol: Protocol;
  /** Students: a network of the zoo, one fresh one for each seed. */
  readonly network: string;
  readonly seeds: readonly number[];
  /** What it took to make the set, for the records. */
  readonly distillSeconds: number;
  /** Labelled sets and finished students are kept below it. */
  readonly runs: string;
  /** File that the records are appended to. */
  readonly records: string;
  readonly onLabel?: (form: NamedForm, done: number, total: number) => void;
  readonly onEvaluate?: (form: NamedForm, progress: EvaluationProgress) => void;
  /** One form is evaluated. */
  readonly onRecord?: (form: NamedForm, record: EvaluationRecord) => void;
  readonly signal?: AbortSignal;
}

/**
 * What the labels of one set are worth: in every form the teacher labels the same images, and the same students are trained on them by the
 * same protocol (`hard`: by the one for classes beside it). One record a form, with the bytes of images and labels.
 *
 * Stopped anywhere and called again, it goes on: labels and students that are there are not made again, and no record is appended twice.
 * Forms that come out the same (a fortieth and a twentieth of ten batches are one batch) share a record.
 *
 * @throws {ConfigError} if set, data set, teacher and encoder do not belong together.
 */
export async function labelBytesRecords(
  set: SyntheticSet,
  dataset: ImageDataset,
  options: LabelBytesOptions,
): Promise<EvaluationRecord[]> {
  const { forms, encoder, textHead, teacher, protocol, network, seeds, signal } = options;
  const folder = join(options.runs, "labels", folderName(set, options));
  mkdirSync(folder, { recursive: true });
  const records: EvaluationRecord[] = [];
  for (const form of forms) {
    const path = join(folder, `${form}.arrow`);
    if (!existsSync(path)) {
      const made = await labelled(set, dataset, form, options).catch((error: unknown) => {
        if (signal?.aborted !== true) throw error;
        throw new InterruptedError(
          `labels: interrupted while ${form} was made; the same command makes it again and goes on`,
        );
      });
      await writeSet(path, made);
    }
    const light = readSet(path);
    const needed = form === "online" ? teacher : form === "hello" ? (encoder ?? teacher) : undefined;
    const labelModel = needed === undefined ? undefined : labelModelOf(light, needed, textHead);
    try {
      const { record } = await evaluateCached(light, dataset, folder, options.distillSeconds, {
        protocol: form === "hard" ? protocolForClasses(protocol) : protocol,
        network,
        seeds,
        ...(labelModel === undefined ? {} : { labelModel }),
        ...(signal === undefined ? {} : { signal }),
        onProgress: (progress) => options.onEvaluate?.(form, progress),
      });
      appendNew(options.records, record);
      options.onRecord?.(form, record);
      records.push(record);
    } finally {
      labelModel?.dispose();
    }
  }
  return records;
}

/** The same images with labels in one form. */
async function labelled(
  set: SyntheticSet,
  dataset: ImageDataset,
  form: NamedForm,
  options: LabelBytesOptions,
): Promise<SyntheticSet> {
  if (form === "hard") return withClassesOnly(set);
  const { signal, onLabel, textHead } = options;
  const shared = {
    teacher: networkTeacher(options.teacher),
    renormalise: options.renormalise ?? false,
    ...(signal === undefined ? {} : { signal }),
  };
  const onProgress = (done: number, total: number): void => onLabel?.(form, done, total);
  if (form === "hello") {
    const config = options.projector;
    return labelByProjector(set, {
      ...shared,
      encoder: options.encoder ?? zooEncoder(options.teacher),
      ...(textHead === undefined ? {} : { textHead }),
      dataset,
      config,
      onStep: onProgress,
    });
  }
  return relabel(set, {
    ...shared,
    form: labelForms[form].form,
    recipe: recipeFor(options.protocol, dataset, set),
    seed: options.labelSeed ?? 0,
    onProgress,
  });
}

/** The same work finds its folder again; anything that changes the labels leads to another. */
function folderName(set: SyntheticSet, options: LabelBytesOptions): string {
  const { teacher, encoder, textHead, projector, labelSeed = 0, renormalise = false, protocol } = options;
  const identity = {
    set: hashSyntheticSet(set),
    teacher: networkTeacher(teacher).sha256,
    ...(encoder === undefined ? {} : { encoder: encoder.sha256 }),
    ...(textHead === undefined
      ? {}
      : { textHead: createHash("sha256").update(textHead.weight).digest("hex") }),
    projector,
    labelSeed,
    renormalise,
    protocol: protocolHash(protocol),
    engine: engineIdentity(),
  };
  const digits = createHash("sha256").update(sortedJson(identity)).digest("hex").slice(0, 8);
  const { dataset, method, ipc } = set.provenance;
  return `${dataset}-${method}-ipc${ipc}-${digits}`;
}

/** Appends a record unless the file has it: a run that was killed between two files does not lose it. */
function appendNew(path: string, record: EvaluationRecord): void {
  const line = sortedJson(record);
  if (existsSync(path) && readRecords(path).some((each) => sortedJson(each) === line)) return;
  appendRecord(path, record);
}
