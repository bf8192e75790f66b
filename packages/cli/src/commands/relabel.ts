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
  readSet,
  setBytes,
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
  readTrainedModel,
  relabel,
  teacherAgreement,
  zooEncoder,
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
    .argument("<set>", "path of a set.arrow")
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
    .option("--labels <path>", "also write the labels alone, as a file of their own");
  withOutputOptions(withEngineOptions(withLabellingOptions(command))).action(runRelabel);
}

async function runRelabel(path: string, flags: RelabelFlags): Promise<void> {
  const output = createOutput(flags);
  protocolNamed(flags.protocol);
  const set = readSet(path);
  await startEngineAloud(flags, output);
  const dataset = await openForCommand(flags.dataset ?? sourceName("relabel", set), output);
  const interrupt = takeInterrupts(() => output.note("\nstopping; nothing is written"));
  let progress: ReturnType<typeof createProgress> | undefined;
  try {
    const teacher = networkTeacher(readTrainedModel(flags.teacher, flags.teacherNetwork, dataset));
    const agreement = await teacherAgreement(set, teacher, flags.renormalise);
    const labelled = await label(set, teacher, dataset, flags, interrupt.signal, (done, total, loss) => {
      progress ??= createProgress(output, flags.form, total);
      progress.update({ done, ...(loss === undefined ? {} : { loss }) });
    }).catch((error: unknown) => {
      if (!interrupt.signal.aborted) throw error;
      throw new InterruptedError("relabel: interrupted; nothing was written");
    });
    const target = flags.out ?? join(dirname(path), `${flags.form}.arrow`);
    await writeSet(target, labelled);
    const { labels } = labelled;
    const isStored = labels.kind === "views" || labels.kind === "projector";
    if (flags.labels !== undefined && isStored) writeLabels(flags.labels, labels);
    const bytes = await setBytes(labelled);
    const file = isStored ? encodedLabelBytes(labels) : 0;
    output.result(
      { path: target, form: flags.form, bytes, labelFile: file, agreement },
      `${target}\nimages ${formatBytes(bytes.images)}, labels ${formatBytes(bytes.labels)}; the teacher gives ${agreement.toFixed(1)} % of the images their class`,
    );
  } finally {
    progress?.stop();
    interrupt.release();
  }
}

type OnProgress = (done: number, total: number, loss?: number) => void;

async function label(
  set: SyntheticSet,
  teacher: Teacher,
  dataset: ImageDataset,
  flags: RelabelFlags,
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<SyntheticSet> {
  const shared = { teacher, renormalise: flags.renormalise ?? false, signal };
  if (flags.form !== "hello") {
    const recipe = recipeFor(protocolNamed(flags.protocol), dataset, set);
    return relabel(set, { ...shared, form: chosenForm(flags), recipe, seed: flags.seed, onProgress });
  }
  if (flags.codec !== undefined || flags.keep !== undefined) {
    throw new ConfigError(
      "relabel: --codec and --keep are for stored labels, the form is hello; leave them out",
    );
  }
  const file = flags.encoder ?? flags.teacher;
  const network = flags.encoder === undefined ? flags.teacherNetwork : flags.encoderNetwork;
  return labelByProjector(set, {
    ...shared,
    encoder: zooEncoder(readTrainedModel(file, network, dataset)),
    dataset,
    config: { ...projectorPresets[flags.projector].config, seed: flags.seed },
    onStep: onProgress,
  });
}

/** The named form with what the flags change. */
function chosenForm({ form, codec, keep }: RelabelFlags): LabelFormInput {
  return {
    ...labelForms[form as keyof typeof labelForms].form,
    ...(codec === undefined ? {} : { codec }),
    ...(keep === undefined ? {} : { keep }),
  } as LabelFormInput;
}
