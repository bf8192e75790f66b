import { readFileSync } from "node:fs";
import { DataError } from "@limbeck/core";
import { parse } from "yaml";
import { z } from "zod";
import type { EvaluationRecord } from "./record.ts";

const publishedSchema = z.array(
  z.strictObject({
    method: z.string().min(1),
    dataset: z.string().min(1),
    /** Paper, table, or who quotes it. */
    source: z.string().min(1),
    /** By images per class: percent, with the deviation where there is one, such as `28.3 ± 0.5`. */
    accuracy: z.record(z.string().regex(/^\d+$/), z.string().regex(/^\d+\.\d( ± \d+\.\d)?$/)),
  }),
);

/** Accuracies that papers report for ConvNet-3. */
export type PublishedAccuracies = z.output<typeof publishedSchema>;

/** Reads `published.yaml`. @throws {DataError} if it cannot be read or an entry does not fit. */
export function readPublished(path: string): PublishedAccuracies {
  try {
    return publishedSchema.parse(parse(readFileSync(path, "utf8")));
  } catch (cause) {
    throw new DataError(`${path}: wanted published accuracies, got ${(cause as Error).message}`, { cause });
  }
}

/** What the paper reports for a record's method, data set and images per class, as text; undefined where nothing is known. */
export function publishedFor(
  { method, dataset, ipc, network }: EvaluationRecord,
  published: PublishedAccuracies,
): string | undefined {
  // ConvNet-3 as the papers have it: width 128, under either normalisation.
  if (network !== "convnet3" && network !== "convnet3-batch") return undefined;
  return published.find((entry) => entry.method === method && entry.dataset === dataset)?.accuracy[
    String(ipc)
  ];
}
