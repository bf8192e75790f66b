import {
  devicePeakBytes,
  hashSyntheticSet,
  setBytes,
  type ImageDataset,
  type SyntheticSet,
} from "@limbeck/core";
import { protocolId, type Protocol } from "../protocol/protocol.ts";
import { circumstances } from "../command-line/circumstances.ts";
import type { EvaluationRecord } from "../records/record.ts";
import type { Evaluation } from "./evaluate-set.ts";

/** What was evaluated how, and what came out. */
export interface Evaluated {
  readonly protocol: Protocol;
  readonly network: string;
  readonly seeds: readonly number[];
  readonly evaluation: Evaluation;
}

/** The record of a set's evaluation, made on this machine with the back end in force, now. */
export async function setRecord(
  set: SyntheticSet,
  distillSeconds: number,
  evaluated: Evaluated,
): Promise<EvaluationRecord> {
  const { method, dataset, ipc, config, seed } = set.provenance;
  const { images, labels } = await setBytes(set);
  return {
    method,
    dataset,
    ...(set.normalisation.kind === "zca" ? { normalisation: "zca" as const } : {}),
    ipc,
    seed,
    labels: set.labels.kind,
    ...outcome(evaluated),
    config: { ...config },
    set: hashSyntheticSet(set),
    seconds: { distill: distillSeconds, evaluate: evaluated.evaluation.seconds },
    bytes: { images, labels, decoder: 0 },
    ...circumstances(),
  };
}

/** The record of the full-data bound: method `full`, the whole training split as its set. */
export function fullDataRecord(dataset: ImageDataset, evaluated: Evaluated): EvaluationRecord {
  const { size } = dataset.train;
  const [height, width, channels] = dataset.shape;
  const perLabel = Math.max(1, Math.ceil(Math.log2(dataset.classes.length) / 8));
  return {
    method: "full",
    dataset: dataset.name,
    ...(dataset.normalisation.kind === "zca" ? { normalisation: "zca" as const } : {}),
    ipc: size / dataset.classes.length,
    ...outcome(evaluated),
    config: {},
    set: dataset.sha256,
    seconds: { distill: 0, evaluate: evaluated.evaluation.seconds },
    bytes: { images: size * height * width * channels, labels: size * perLabel, decoder: 0 },
    ...circumstances(),
  };
}

function outcome({ protocol, network, seeds, evaluation }: Evaluated) {
  const device = devicePeakBytes();
  return {
    ...(device !== undefined && { devicePeakBytes: device }),
    network,
    protocol: protocolId(protocol),
    seeds: [...seeds],
    accuracy: [...evaluation.accuracy],
    ...(evaluation.tuned === undefined ? {} : { tuned: evaluation.tuned }),
  };
}
