import { hardLabels, sortedJson, type SyntheticSet } from "@limbeck/core";
import { labelForms, labelFormSchema } from "@limbeck/label-lightening";
import { InvalidArgumentError } from "commander";
import { z } from "zod";
import type { EvaluationRecord } from "../records/record.ts";

/** A way to keep labels that has a name: one of `limbeck relabel`, or the classes alone. */
export type NamedForm = keyof typeof labelForms | "hello" | "hard";

/** Every {@link NamedForm}. */
const namedForms: readonly NamedForm[] = [
  ...(Object.keys(labelForms) as (keyof typeof labelForms)[]),
  "hello",
  "hard",
];

/** `views,lpld-x10,hard` as different forms, for an option. */
export function formList(text: string): NamedForm[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !namedForms.some((known) => known === name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`unknown form "${unknown}"; known: ${namedForms.join(", ")}.`);
  }
  return [...new Set(names)] as NamedForm[];
}

/** The set with its classes alone: what `hard` is. */
export function withClassesOnly(set: SyntheticSet): SyntheticSet {
  const { labels: _labels, ...config } = set.provenance.config;
  return {
    ...set,
    labels: { kind: "hard", values: hardLabels(set) },
    provenance: { ...set.provenance, config },
  };
}

/** What relabelling leaves in the configuration of a set. */
const relabelledSchema = z.object({
  form: z.looseObject({ kind: z.string(), encoderRank: z.int().optional() }),
  encoder: z.string().optional(),
});

/** Name of the form that a record's labels have; a projector's with the rank of its adapters; one that has none is told by its codec and share. */
export function formOfRecord({ config, labels = "hard" }: EvaluationRecord): string {
  const relabelled = relabelledSchema.safeParse(config["labels"]);
  if (!relabelled.success) return labels;
  const { form } = relabelled.data;
  if (form.kind === "projector") return `hello, rank ${form.encoderRank}`;
  const named = Object.entries(labelForms).find(
    ([, each]) => sortedJson(labelFormSchema.parse(each.form)) === sortedJson(form),
  );
  if (named !== undefined) return named[0];
  const { codec, keep = 1, draw } = form;
  const share = keep === 1 ? "" : ` × ${String(keep)}${draw === "epochs" ? " in epochs" : ""}`;
  return `${form.kind} ${String(codec)}${share}`;
}

/** Which network a student needs beside the labels that a record counts. */
export function neededBeside({ config }: EvaluationRecord): "nothing" | "teacher" | "encoder" {
  const relabelled = relabelledSchema.safeParse(config["labels"]);
  if (!relabelled.success) return "nothing";
  const { kind } = relabelled.data.form;
  return kind === "online" ? "teacher" : kind === "projector" ? "encoder" : "nothing";
}
