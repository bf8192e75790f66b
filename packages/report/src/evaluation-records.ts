import type { EvaluationRecord } from "@limbeck/benchmarks";
import type { ReportData } from "./model.ts";

/** The report's records as the harness's scores and groups take them. */
export function evaluationRecords({
  records,
  configs,
}: Pick<ReportData, "records" | "configs">): EvaluationRecord[] {
  const parsed = configs.map(parsedConfig);
  return records.map((record) => ({
    method: record.method,
    dataset: record.dataset,
    ...(record.zca ? { normalisation: "zca" as const } : {}),
    ipc: record.ipc,
    ...(record.seed === undefined ? {} : { seed: record.seed }),
    ...(record.labels === undefined ? {} : { labels: record.labels }),
    network: record.network,
    protocol: record.protocol,
    seeds: [...record.seeds],
    accuracy: [...record.accuracy],
    config: parsed[record.config] ?? {},
    set: record.set,
    seconds: record.seconds,
    bytes: record.bytes,
    backend: record.backend,
    precision: record.precision,
    commit: record.commit,
    machine: record.machine,
    date: record.date,
  }));
}

/** A configuration that was cut is as good as a name: equal ones stay equal. */
function parsedConfig(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { text };
  }
}
