import { sortedJson } from "@limbeck/core";
import { summarise, type Summary } from "../statistics/summary.ts";
import { fullestRecords } from "../records/fullest-records.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { formOfRecord, neededBeside } from "./named-form.ts";

/** One form of labels of one set: what it weighs and what students learn from it. */
export interface LabelBytesPoint {
  readonly form: string;
  /** Network that a student needs beside what is counted. */
  readonly beside: "nothing" | "teacher" | "encoder";
  /** Percent, over the students. */
  readonly accuracy: Summary;
  readonly record: EvaluationRecord;
}

/** The forms of one set's labels under one protocol, by bytes. */
export interface LabelBytesSeries {
  readonly title: string;
  readonly points: readonly LabelBytesPoint[];
}

/**
 * Records by set, student and protocol (the one for classes belongs to the one for scores beside it). Where a form was recorded several times,
 * the record with most students counts, the last of equals.
 */
export function labelBytesSeries(records: readonly EvaluationRecord[]): LabelBytesSeries[] {
  const groups = new Map<string, EvaluationRecord[]>();
  for (const record of fullestRecords(records, (each) => sortedJson([identity(each), labelsOf(each)]))) {
    const key = sortedJson(identity(record));
    groups.set(key, [...(groups.get(key) ?? []), record]);
  }
  return [...groups.values()].map((forms) => {
    const points = [...forms]
      .sort((a, b) => b.bytes.labels - a.bytes.labels)
      .map((record) => ({
        form: formOfRecord(record),
        beside: neededBeside(record),
        accuracy: summarise(record.accuracy),
        record,
      }));
    return { title: titleOf(points[0]!.record), points };
  });
}

/** Whether forms can be compared on it. */
export function hasSeveralForms({ points }: LabelBytesSeries): boolean {
  return points.length > 1;
}

function labelsOf({ config, labels }: EvaluationRecord): unknown {
  return config["labels"] ?? labels ?? "hard";
}

function identity(record: EvaluationRecord) {
  const { method, dataset, ipc, seed, network, bytes, backend, precision } = record;
  const { labels: _labels, ...config } = record.config;
  const { images } = bytes;
  return {
    method,
    dataset,
    ipc,
    seed,
    network,
    images,
    backend,
    precision,
    config,
    protocol: forScores(record.protocol),
  };
}

function titleOf({ dataset, ipc, method, network, protocol }: EvaluationRecord): string {
  return `${dataset}, ${ipc} images per class, ${method}, ${network}, ${forScores(protocol)}`;
}

/** `sre2l-e100-v1` of `sre2l-hard-e100-v1`. */
function forScores(protocol: string): string {
  return protocol.replace(/-hard(?=(?:-e\d+)?-v\d+$)/, "");
}
