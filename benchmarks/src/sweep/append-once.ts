import { existsSync, readFileSync } from "node:fs";
import { tornLines } from "../records/json-lines.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { appendRecord, readRecords } from "../records/record-file.ts";

/**
 * Appends records of cells, in order, but for those whose cell the file has already: called again after a crash at any moment it
 * leaves each record once.
 *
 * @returns How many were appended, and the numbers of lines that a crash tore off before, which are left out.
 * @throws {DataError} if a whole line of the file is not a record.
 */
export function appendOnce(
  path: string,
  records: readonly EvaluationRecord[],
): { readonly appended: number; readonly torn: readonly number[] } {
  const there = existsSync(path);
  const torn = there ? tornLines(readFileSync(path, "utf8")) : [];
  const known = new Set(there ? readRecords(path).map(({ cell }) => cell) : []);
  const missing = records.filter(({ cell }) => cell === undefined || !known.has(cell));
  for (const record of missing) appendRecord(path, record);
  return { appended: missing.length, torn };
}
