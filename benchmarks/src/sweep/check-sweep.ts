import { existsSync } from "node:fs";
import { ConfigError, parseNetworkName, resolveConfig, type DistillationMethod } from "@limbeck/core";
import { datasets } from "@limbeck/datasets";
import { z } from "zod";
import type { RawConfig } from "../command-line/config-overrides.ts";
import { layeredConfig } from "../command-line/layered-config.ts";
import { methodNamed } from "../method-named.ts";
import { protocolNamed } from "../protocol/protocols.ts";
import type { SweepPath, SweepProblem } from "./sweep-problems.ts";
import type { Said, Wanted, WantedEvaluation, WantedRun } from "./wanted-runs.ts";

/** What a sweep's names stand for is known before any data is read. */
export interface NameChecks {
  readonly methods: readonly DistillationMethod[];
  /** Whether a data set of that name or path can be opened, as far as can be seen without reading it. */
  knowsDataset(nameOrPath: string): boolean;
}

/** Everything that names nothing or names it wrongly: methods, presets, configuration keys, data sets, networks, protocols. */
export function checkNames({ runs, scores }: Wanted, checks: NameChecks): SweepProblem[] {
  const problems: SweepProblem[] = [];
  const attempt = (path: SweepPath, check: () => void): void => {
    try {
      check();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push({ path, message: error.message });
    }
  };
  const checkEvaluation = ({ network, protocol }: WantedEvaluation): void => {
    attempt(network.path, () => void parseNetworkName(network.value));
    attempt(protocol.path, () => void protocolNamed(protocol.value));
  };
  const checkDataset = ({ value, path }: Said<string>): void => {
    if (!checks.knowsDataset(value)) problems.push({ path, message: unknownDataset(value) });
  };
  for (const run of runs) {
    checkDataset(run.dataset);
    run.evaluations.forEach(checkEvaluation);
    attempt(run.method.path, () => {
      const method = methodNamed(run.method.value, checks.methods);
      problems.push(...configProblems(method, run));
    });
  }
  for (const score of scores) {
    checkDataset(score.dataset);
    score.evaluations.forEach(checkEvaluation);
  }
  return problems;
}

/** Whether {@link openDataset} would try. */
export function knowsDataset(nameOrPath: string): boolean {
  const plain = (name: string): string => name.toLowerCase().replace(/[-_ ]/g, "");
  return datasets.some(({ id }) => plain(id) === plain(nameOrPath)) || existsSync(nameOrPath);
}

function unknownDataset(name: string): string {
  return `unknown data set "${name}"; known: ${datasets.map(({ id }) => id).join(", ")}, or the path of a folder or file`;
}

/** The complete configuration of a run. @throws {ConfigError} as {@link resolveConfig}. */
export function completeConfig(method: DistillationMethod, run: WantedRun): RawConfig {
  const { ipc } = run;
  const preset = run.preset?.value;
  const config = layeredConfig(method, preset, [
    ...run.configs.map(({ value }) => value),
    ...(ipc === undefined ? [] : [{ ipc }]),
  ]);
  return resolveConfig(method, { preset, config }) as RawConfig;
}

/** What is wrong with a run's preset and configuration, each at the line that says it. */
function configProblems(method: DistillationMethod, run: WantedRun): SweepProblem[] {
  try {
    completeConfig(method, run);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Without a value that is wrong it is the preset's name.
    if (!(error.cause instanceof z.ZodError)) {
      return [{ path: run.preset?.path ?? run.path, message: error.message }];
    }
    const { issues } = error.cause;
    return error.message.split("\n").map((message, i) => ({ path: pathOfIssue(run, issues[i]), message }));
  }
}

function pathOfIssue(run: WantedRun, issue: z.core.$ZodIssue | undefined): SweepPath {
  if (issue === undefined) return run.path;
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0]!] : issue.path;
  const [key] = path;
  const layer = run.configs.findLast(({ value }) => key !== undefined && Object.hasOwn(value, key));
  return layer === undefined ? run.path : [...layer.path, ...path];
}
