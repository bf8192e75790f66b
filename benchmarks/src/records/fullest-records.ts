import type { EvaluationRecord } from "./record.ts";

/** Of the records that share a key the one of the most networks, the last of equals; in the order in which the keys first appear. */
export function fullestRecords(
  records: readonly EvaluationRecord[],
  keyOf: (record: EvaluationRecord) => string,
): EvaluationRecord[] {
  const fullest = new Map<string, EvaluationRecord>();
  for (const record of records) {
    const key = keyOf(record);
    if (record.seeds.length >= (fullest.get(key)?.seeds.length ?? 0)) fullest.set(key, record);
  }
  return [...fullest.values()];
}
