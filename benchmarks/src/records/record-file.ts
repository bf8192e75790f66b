import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { DataError, RunError } from "@limbeck/core";
import { z } from "zod";
import { recordSchema, type EvaluationRecord } from "./record.ts";

/**
 * Appends one record as one JSON line: a single write to a file opened for appending, so that lines of several processes do
 * not mix. A line that a crash tore off earlier is ended first.
 *
 * @throws {DataError} if the record does not fit the schema; {@link RunError} if the file cannot be written.
 */
export function appendRecord(path: string, record: EvaluationRecord): void {
  const checked = recordSchema.safeParse(record);
  if (!checked.success) throw new DataError(`record for ${path}: ${z.prettifyError(checked.error)}`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, "a+");
    try {
      const line = Buffer.from(`${endsTorn(file) ? "\n" : ""}${JSON.stringify(checked.data)}\n`);
      const written = writeSync(file, line);
      if (written !== line.length) throw new Error(`only ${written} of ${line.length} bytes were written`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RunError(
      `${path}: the record could not be appended: ${reason}; free some space and evaluate again`,
      { cause },
    );
  }
}

function endsTorn(file: number): boolean {
  const { size } = fstatSync(file);
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  readSync(file, last, 0, 1, size - 1);
  return last[0] !== 0x0a;
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
  const records: EvaluationRecord[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const value = parseLine(line);
    if (value === undefined) continue;
    const checked = recordSchema.safeParse(value);
    if (!checked.success)
      throw new DataError(`${path}, line ${index + 1}: ${z.prettifyError(checked.error)}`);
    records.push(checked.data);
  }
  return records;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
