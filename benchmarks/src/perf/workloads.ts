import { ConfigError } from "@limbeck/core";
import { attentionStep } from "./attention-step.ts";
import { convolutions } from "./convolutions.ts";
import { gradientStep } from "./gradient-step.ts";
import type { Workload } from "./measure.ts";
import { methodIterations } from "./method-iteration.ts";
import { recoverSteps } from "./recover-step.ts";
import { trainStep } from "./train-step.ts";
import { trajectoryStep, trajectoryStepOf } from "./trajectory-step.ts";

/** The four workloads that stand for the field, by size. */
const workloads: readonly Workload[] = [trainStep, attentionStep, gradientStep, trajectoryStep];

/** Workloads that one word runs, one after the other. */
const groups: Readonly<Record<string, readonly Workload[]>> = {
  all: workloads,
  convolutions,
  methods: methodIterations,
  recover: recoverSteps,
  trajectories: [
    trajectoryStep,
    ...[30, 60].map((steps) => trajectoryStepOf(steps, `trajectory-step-${steps}`)),
  ],
};
const everyWorkload = [
  ...workloads,
  ...convolutions,
  ...methodIterations,
  ...recoverSteps,
  ...groups["trajectories"]!.slice(1),
];

/** Every word that {@link workloadsNamed} knows. */
export const workloadWords: readonly string[] = [
  ...Object.keys(groups),
  ...everyWorkload.map(({ name }) => name),
];

/** One workload, or those of a group. @throws {ConfigError} on an unknown name. */
export function workloadsNamed(name: string): readonly Workload[] {
  const found = groups[name] ?? everyWorkload.filter((workload) => workload.name === name);
  if (found.length > 0) return found;
  throw new ConfigError(`perf: unknown workload "${name}"; known: ${workloadWords.join(", ")}`);
}
