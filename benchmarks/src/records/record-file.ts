import { readFileSync } from "node:fs";
import { DataError } from "@limbeck/core";
import { z } from "zod";
import { appendJsonLine, parseJsonLines } from "./json-lines.ts";
import { recordSchema, type EvaluationRecord } from "./record.ts";

/**
 * Appends one record; nothing that is there is ever changed.
 *
 * @throws {DataError} if the record does not fit the schema; {@link RunError} if the file cannot be written.
 */
export function appendRecord(path: string, record: EvaluationRecord): void {
  const checked = recordSchema.safeParse(record);
  if (!checked.success) throw new DataError(`record for ${path}: ${z.prettifyError(checked.error)}`);
  appendJsonLine(path, checked.data);
}

/**
 * All records of a file in order. Lines that are no complete JSON (torn off by a crash) are left out.
 *
 * @throws {DataError} if the file cannot be read or a complete line does not fit the schema, naming the line.
 */
export function readRecords(path: string): EvaluationRecord[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new DataError(`${path}: wanted a file of records, got ${(cause as Error).message}`, { cause });
  }
  return parseJsonLines(text).map(({ line, value }) => {
    const checked = recordSchema.safeParse(value);
    if (!checked.success) throw new DataError(`${path}, line ${line}: ${z.prettifyError(checked.error)}`);
    return checked.data;
  });
}
