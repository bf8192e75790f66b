import { ConfigError } from "@limbeck/core";
import { attentionStep } from "./attention-step.ts";
import { gradientStep } from "./gradient-step.ts";
import type { Workload } from "./measure.ts";
import { trainStep } from "./train-step.ts";
import { trajectoryStep } from "./trajectory-step.ts";

/** The four workloads that stand for the field, by size. */
export const workloads: readonly Workload[] = [trainStep, attentionStep, gradientStep, trajectoryStep];

/** @throws {ConfigError} on an unknown name. */
export function workloadNamed(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (found !== undefined) return found;
  throw new ConfigError(
    `perf: unknown workload "${name}"; known: ${workloads.map((w) => w.name).join(", ")}, all`,
  );
}
