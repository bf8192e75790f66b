import { dirname, join } from "node:path";
import {
  distillSecondsBeside,
  evaluateCached,
  formatSummary,
  protocolNamed,
  randomSubset,
  seedList,
  summarise,
  takeInterrupts,
  withEngineOptions,
  type EvaluationRecord,
} from "@limbeck/benchmarks";
import { openLabels, readSet, setPathOf, withStoredLabels, type SyntheticSet } from "@limbeck/core";
import { labelModelFromFile } from "@limbeck/label-lightening";
import type { Command } from "commander";
import { startEngineAloud, withOutputOptions, type CommonFlags } from "../common-options.ts";
import { openForCommand } from "../open-for-command.ts";
import { createOutput, type Output } from "../output.ts";
import { createProgress } from "../progress.ts";
import { sourceName } from "../source-name.ts";

interface EvaluateFlags extends CommonFlags {
  readonly dataset?: string;
  readonly network: string;
  readonly protocol: string;
  readonly seeds: readonly number[];
  readonly random?: true;
  readonly labels?: string;
  readonly teacher?: string;
  readonly teacherNetwork?: string;
  readonly merges?: string;
  readonly prompt?: string;
}

/** `limbeck evaluate <set.arrow>`: fresh networks trained on the set, tested on the real test split. */
export function registerEvaluate(program: Command): void {
  const command = program
    .command("evaluate")
    .description("train fresh networks on a set and test them on the real test split")
    .argument("<set>", "path of a set.arrow, or a run's folder")
    .option("--dataset <name>", "name or path of the real data (default: what the set was made from)")
    .option("--network <name>", "network of the zoo, such as convnet3, resnet18, mlp", "convnet3")
    .option(
      "--protocol <id>",
      "dc-v1, dsa-v1, idc-v1, datadam-v1, …, or with other epochs as dsa-e300-v1",
      "dsa-v1",
    )
    .option("--seeds <list>", "one fresh network each, as in 0-4", seedList, [0, 1, 2, 3, 4])
    .option("--labels <file>", "labels that are kept apart from the set (limbeck relabel --labels)")
    .option("--teacher <file>", "teacher or encoder that online or projector labels need, as safetensors")
    .option("--teacher-network <name>", "its network, where the file is a checkpoint in torchvision's naming")
    .option("--merges <file>", "as of limbeck relabel, for a projector on a CLIP")
    .option("--prompt <text>", "as of limbeck relabel, for a projector on a CLIP")
    .option("--random", "also evaluate a random real subset of the same size");
  withOutputOptions(withEngineOptions(command)).action(runEvaluate);
}

async function runEvaluate(given: string, flags: EvaluateFlags): Promise<void> {
  const path = setPathOf(given);
  const output = createOutput(flags);
  const protocol = protocolNamed(flags.protocol);
  const stored = readSet(path);
  const set = flags.labels === undefined ? stored : withStoredLabels(stored, openLabels(flags.labels));
  await startEngineAloud(flags, output);
  const dataset = await openForCommand(flags.dataset ?? sourceName("evaluate", set), output);
  const interrupt = takeInterrupts(() => output.note("\nstopping; networks that are finished are kept"));
  const { network, seeds } = flags;
  const labelModel =
    flags.teacher === undefined
      ? {}
      : {
          labelModel: labelModelFromFile(set, flags.teacher, dataset, {
            ...flags,
            network: flags.teacherNetwork,
          }),
        };
  const evaluate = async (title: string, what: SyntheticSet, seconds: number): Promise<EvaluationRecord> => {
    const progress = createProgress(output, title, seeds.length * protocol.recipe.epochs);
    try {
      const { record } = await evaluateCached(what, dataset, dirname(path), seconds, {
        protocol,
        network,
        seeds,
        ...(what === set ? labelModel : {}),
        signal: interrupt.signal,
        onProgress: ({ epoch, loss }) => progress.update({ done: epoch, loss }),
      });
      return record;
    } finally {
      progress.stop();
    }
  };
  try {
    const sameInput = { ...dataset, normalisation: set.normalisation };
    const record = await evaluate("evaluate", set, distillSecondsBeside(path));
    const baseline =
      flags.random === true
        ? await evaluate("random", randomSubset(sameInput, set.provenance.ipc, set.provenance.seed), 0)
        : undefined;
    report(record, baseline, join(dirname(path), "records.jsonl"), output);
  } finally {
    interrupt.release();
  }
}

function report(
  record: EvaluationRecord,
  baseline: EvaluationRecord | undefined,
  records: string,
  output: Output,
): void {
  const describe = (each: EvaluationRecord): string =>
    `${formatSummary(summarise(each.accuracy))} %  ${each.method}`;
  const lines = [record, ...(baseline === undefined ? [] : [baseline])].map(describe);
  output.result(
    baseline === undefined ? record : { ...record, random: baseline },
    `${lines.join("\n")}\n${record.network} on ${record.dataset}, protocol ${record.protocol}; record in ${records}`,
  );
}
