import { join } from "node:path";
import { readSet, setPathOf, writeFileBeside } from "@limbeck/core";
import { openDataset } from "@limbeck/datasets";
import {
  projectorConfigSchema,
  projectorPresets,
  readEncoder,
  readTrainedModel,
} from "@limbeck/label-lightening";
import { Command } from "commander";
import { distillSecondsBeside } from "../accuracy/distill-seconds.ts";
import { say, told } from "../accuracy/progress-lines.ts";
import { mergeConfig, parseOverrides } from "../command-line/config-overrides.ts";
import { withLabellingOptions, type LabellingFlags } from "../command-line/labelling-options.ts";
import { takeInterrupts } from "../command-line/interrupt.ts";
import { collect, seedList, wholeNumber } from "../command-line/option-parsers.ts";
import { startEngine, withEngineOptions, type EngineChoice } from "../command-line/engine-options.ts";
import { withEpochs } from "../protocol/protocol.ts";
import { protocolNamed } from "../protocol/protocols.ts";
import { readRecords } from "../records/record-file.ts";
import { labelBytesRecords } from "./label-bytes.ts";
import { labelBytesTable } from "./label-bytes-table.ts";
import { formList, type NamedForm } from "./named-form.ts";

interface LabelsOptions extends EngineChoice, LabellingFlags {
  readonly dataset?: string;
  readonly forms: readonly NamedForm[];
  readonly set?: readonly string[];
  readonly labelSeed: number;
  readonly protocol: string;
  readonly epochs?: number;
  readonly network: string;
  readonly seeds: readonly number[];
  readonly records: string;
  readonly plot: string;
  readonly runs: string;
}

const RECORDS = join(import.meta.dirname, "../../records");

/** `pnpm labels`: one set in every form of labels, students on each, bytes beside accuracies. Killed and started again it goes on. */
export function labelsCommand(): Command {
  const command = new Command("labels")
    .description("bytes of labels against accuracy: one set, one teacher, every form; into the records")
    .argument("<set>", "path of a set.arrow, or a run's folder")
    .option("--dataset <name>", "name or path of the real data (default: what the set was made from)")
    .option(
      "--forms <list>",
      "forms of `limbeck relabel`, and hard: the classes alone",
      formList,
      formList("views,views-int8,views-int4,fkd-top5,lpld-x10,lpld-x40,infer,hello,online,hard"),
    )
    .option("--set <key=value>", "hello: another key of the projector; may be repeated", collect)
    .option("--label-seed <n>", "decides the views", wholeNumber(0), 0)
    .option("--protocol <id>", "how students are trained, and whose views are labelled", "sre2l-v1")
    .option("--epochs <n>", "the protocol with other epochs: sre2l-e100-v1", wholeNumber(1))
    .option("--network <name>", "students", "convnet3")
    .option("--seeds <list>", "fresh students for each form, as in 0-4", seedList, [0, 1, 2])
    .option("--records <file>", "records to append to", join(RECORDS, "labels.jsonl"))
    .option("--plot <file>", "picture of all records of that file", join(RECORDS, "label-bytes.svg"))
    .option("--runs <folder>", "where labelled sets and finished students are kept", "runs");
  return withLabellingOptions(withEngineOptions(command)).action(labels);
}

async function labels(given: string, options: LabelsOptions): Promise<void> {
  const named = protocolNamed(options.protocol);
  const protocol = options.epochs === undefined ? named : withEpochs(named, options.epochs);
  const overrides = parseOverrides(options.set ?? []);
  const projector = projectorConfigSchema.parse(
    mergeConfig(projectorPresets[options.projector].config, overrides),
  );
  const path = setPathOf(given);
  const set = readSet(path);
  await startEngine(options);
  const opened = await openDataset(options.dataset ?? set.provenance.dataset);
  // Sets made for a teacher carry its constants: test images get the same.
  const dataset = { ...opened, normalisation: set.normalisation };
  const encoder =
    options.encoder === undefined
      ? undefined
      : readEncoder(options.encoder, dataset, { ...options, network: options.encoderNetwork });
  const interrupt = takeInterrupts(() =>
    process.stderr.write("finishing this step; the same command goes on later\n"),
  );
  try {
    await labelBytesRecords(set, dataset, {
      forms: options.forms,
      teacher: readTrainedModel(options.teacher, options.teacherNetwork, dataset),
      ...(encoder === undefined
        ? {}
        : {
            encoder: encoder.encoder,
            ...(encoder.textHead !== undefined && { textHead: encoder.textHead }),
          }),
      projector,
      labelSeed: options.labelSeed,
      renormalise: options.renormalise ?? false,
      protocol,
      network: options.network,
      seeds: options.seeds,
      distillSeconds: distillSecondsBeside(path),
      runs: options.runs,
      records: options.records,
      onLabel: (form, done, total) => say(`${form}: ${done} of ${total} batches or steps labelled`),
      onEvaluate: (form, progress) => say(`${form}: ${told(progress)}`),
      onRecord: (form, { accuracy, bytes }) =>
        process.stderr.write(`${form}: ${accuracy.join(", ")} %, ${bytes.labels} bytes of labels\n`),
      signal: interrupt.signal,
    });
  } finally {
    interrupt.release();
  }
  const records = readRecords(options.records);
  process.stdout.write(`${labelBytesTable(records)}\n`);
  // The plotting library is large; nothing else needs it.
  const { labelBytesPlot } = await import("../plots/label-bytes.ts");
  writeFileBeside(options.plot, await labelBytesPlot(records));
  process.stdout.write(`${options.plot}\n`);
}
