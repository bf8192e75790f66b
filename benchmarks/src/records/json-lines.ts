import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { storageError } from "@limbeck/core";

/**
 * Appends a value as one JSON line: a single write to a file opened for appending, so that lines of several processes do
 * not mix. A line that a crash tore off earlier is ended first.
 *
 * @throws {RunError} if the file cannot be written.
 */
export function appendJsonLine(path: string, value: unknown): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, "a+");
    try {
      const line = Buffer.from(`${endsTorn(file) ? "\n" : ""}${JSON.stringify(value)}\n`);
      const written = writeSync(file, line);
      if (written !== line.length) throw new Error(`only ${written} of ${line.length} bytes were written`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw storageError(path, error);
  }
}

function endsTorn(file: number): boolean {
  const { size } = fstatSync(file);
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  readSync(file, last, 0, 1, size - 1);
  return last[0] !== 0x0a;
}

/** The values of a text of JSON lines with their 1-based line numbers. Lines torn off by a crash are left out. */
export function parseJsonLines(text: string): { readonly line: number; readonly value: unknown }[] {
  return text.split("\n").flatMap((content, index) => {
    const value = parsed(content);
    return value === undefined ? [] : [{ line: index + 1, value }];
  });
}

/** 1-based numbers of the lines that {@link parseJsonLines} leaves out. */
export function tornLines(text: string): number[] {
  return text
    .split("\n")
    .flatMap((content, index) => (content !== "" && parsed(content) === undefined ? [index + 1] : []));
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
