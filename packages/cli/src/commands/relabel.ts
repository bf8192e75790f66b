import { dirname, join } from "node:path";
import {
  protocolNamed,
  recipeFor,
  takeInterrupts,
  wholeNumber,
  withEngineOptions,
  withLabellingOptions,
  type LabellingFlags,
} from "@limbeck/benchmarks";
import {
  ConfigError,
  encodedLabelBytes,
  InterruptedError,
  openLabels,
  readSet,
  setPathOf,
  setBytes,
  withStoredLabels,
  writeLabels,
  writeSet,
  type ImageDataset,
  type SyntheticSet,
} from "@limbeck/core";
import {
  labelByProjector,
  labelForms,
  networkTeacher,
  projectorPresets,
  readEncoder,
  readTrainedModel,
  relabel,
  relabelToFile,
  teacherAgreement,
  type LabelFormInput,
  type Teacher,
} from "@limbeck/label-lightening";
import { Option, type Command } from "commander";
import { startEngineAloud, withOutputOptions, type CommonFlags } from "../common-options.ts";
import { openForCommand } from "../open-for-command.ts";
import { createOutput } from "../output.ts";
import { createProgress } from "../progress.ts";
import { sourceName } from "../source-name.ts";
import { formatBytes } from "../units.ts";

interface RelabelFlags extends CommonFlags, LabellingFlags {
  readonly dataset?: string;
  readonly form: keyof typeof labelForms | "hello";
  readonly codec?: string;
  readonly keep?: number;
  readonly protocol: string;
  readonly seed: number;
  readonly out?: string;
  readonly labels?: string;
}

/** `limbeck relabel <set.arrow> --teacher … --form …`: the same images with a teacher's labels. */
export function registerRelabel(program: Command): void {
  const command = program
    .command("relabel")
    .description("give the images of a set labels of a teacher, and count their bytes")
    .argument("<set>", "path of a set.arrow, or a run's folder")
    .option("--dataset <name>", "name or path of the real data (default: what the set was made from)")
    .addOption(
      new Option("--form <name>", "how the labels are kept")
        .choices([...Object.keys(labelForms), "hello"])
        .default("views"),
    )
    .option("--codec <name>", "float32, float16, int8, int4, top<k>, top<k>-minimum, top<k>-even")
    .option("--keep <share>", "share of the view batches that are labelled", Number)
    .option("--protocol <id>", "whose views are labelled: how students will be trained", "sre2l-v1")
    .option("--seed <n>", "decides the views", wholeNumber(0), 0)
    .option("--out <path>", "set to write (default: FORM.arrow beside the set)")
    .option(
      "--labels <path>",
      "write the labels alone into this file, batch by batch: large ones need no memory, and a killed command goes on",
    );
  withOutputOptions(withEngineOptions(withLabellingOptions(command))).action(runRelabel);
}

async function runRelabel(given: string, flags: RelabelFlags): Promise<void> {
  const path = setPathOf(given);
  const output = createOutput(flags);
  protocolNamed(flags.protocol);
  if (flags.labels !== undefined && flags.out !== undefined) {
    throw new ConfigError(
      "relabel: wanted --out (a set with its labels) or --labels (the labels alone), got both; the set stays as it is with --labels",
    );
  }
  const set = readSet(path);
  await startEngineAloud(flags, output);
  const dataset = await openForCommand(flags.dataset ?? sourceName("relabel", set), output);
  const interrupt = takeInterrupts(() => output.note("\nstopping"));
  let progress: ReturnType<typeof createProgress> | undefined;
  try {
    const teacher = networkTeacher(readTrainedModel(flags.teacher, flags.teacherNetwork, dataset));
    const agreement = await teacherAgreement(set, teacher, flags.renormalise);
    const work: Work = {
      teacher,
      dataset,
      signal: interrupt.signal,
      onProgress: (done, total, loss) => {
        progress ??= createProgress(output, flags.form, total);
        progress.update({ done, ...(loss === undefined ? {} : { loss }) });
      },
    };
    const labelled = await label(set, flags, work).catch((error: unknown) => {
      if (!interrupt.signal.aborted) throw error;
      const isKept = flags.labels !== undefined && flags.form !== "hello";
      throw new InterruptedError(
        `relabel: interrupted; ${isKept ? "the same command goes on" : "nothing was written"}`,
      );
    });
    const bytes = await setBytes(labelled);
    const { labels } = labelled;
    const labelFile = labels.kind === "views" || labels.kind === "projector" ? encodedLabelBytes(labels) : 0;
    const target = flags.labels ?? flags.out ?? join(dirname(path), `${flags.form}.arrow`);
    if (flags.labels === undefined) await writeSet(target, labelled);
    output.result(
      { path: target, form: flags.form, bytes, labelFile, agreement },
      `${target}\nimages ${formatBytes(bytes.images)}, labels ${formatBytes(bytes.labels)}; the teacher gives ${agreement.toFixed(1)} % of the images their class`,
    );
  } finally {
    progress?.stop();
    interrupt.release();
  }
}

interface Work {
  readonly teacher: Teacher;
  readonly dataset: ImageDataset;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number, loss?: number) => void;
}

/** The set with its labels; with `--labels` they are in that file when it returns, and are read from there. */
async function label(set: SyntheticSet, flags: RelabelFlags, work: Work): Promise<SyntheticSet> {
  const { teacher, dataset, signal, onProgress } = work;
  const shared = { teacher, renormalise: flags.renormalise ?? false, signal };
  if (flags.form !== "hello") {
    const recipe = recipeFor(protocolNamed(flags.protocol), dataset, set);
    const options = { ...shared, form: chosenForm(flags), recipe, seed: flags.seed, onProgress };
    if (flags.labels === undefined) return relabel(set, options);
    await relabelToFile(flags.labels, set, options);
    // Their checksum was made a moment ago.
    return withStoredLabels(set, openLabels(flags.labels, { verify: false }));
  }
  if (flags.codec !== undefined || flags.keep !== undefined) {
    throw new ConfigError(
      "relabel: --codec and --keep are for stored labels, the form is hello; leave them out",
    );
  }
  const file = flags.encoder ?? flags.teacher;
  const network = flags.encoder === undefined ? flags.teacherNetwork : flags.encoderNetwork;
  const { encoder, textHead } = readEncoder(file, dataset, { ...flags, network });
  const labelled = await labelByProjector(set, {
    ...shared,
    encoder,
    ...(textHead === undefined ? {} : { textHead }),
    dataset,
    config: { ...projectorPresets[flags.projector].config, seed: flags.seed },
    onStep: onProgress,
  });
  if (flags.labels !== undefined && labelled.labels.kind === "projector") {
    writeLabels(flags.labels, labelled.labels);
  }
  return labelled;
}

/** The named form with what the flags change. */
function chosenForm({ form, codec, keep }: RelabelFlags): LabelFormInput {
  return {
    ...labelForms[form as keyof typeof labelForms].form,
    ...(codec === undefined ? {} : { codec }),
    ...(keep === undefined ? {} : { keep }),
  } as LabelFormInput;
}
