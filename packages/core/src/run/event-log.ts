import * as fs from "node:fs";
import { storageError } from "../artifact/durable-file.ts";
import { DataError } from "../errors.ts";
import type { RunEvent } from "./events.ts";

/** An event as it stands in `events.jsonl`. */
export type LoggedEvent = RunEvent & {
  /** When it was written, ISO 8601. */
  readonly time: string;
};

/** Appends events to a file, one JSON line each. */
export interface EventLog {
  /** @throws {RunError} if the line cannot be written; then the file ends with the line before. */
  append(event: RunEvent): void;
  close(): void;
}

/**
 * Opens a log for appending; a last line that a killed process left torn is cut off first.
 *
 * @throws {RunError} if the file cannot be written.
 */
export function openEventLog(path: string): EventLog {
  try {
    if (fs.existsSync(path)) cutTornLine(path);
    const file = fs.openSync(path, "a");
    return {
      append: (event) => appendLine(path, file, { time: new Date().toISOString(), ...event }),
      close: () => fs.closeSync(file),
    };
  } catch (error) {
    throw storageError(path, error);
  }
}

/**
 * The events of a run as one line of history: where a run was resumed at step s, the steps after s that an earlier
 * process had logged, and that were then done again, are left out. A torn last line is ignored.
 *
 * @throws {DataError} if the file cannot be read or another line is not an event.
 */
export function readEvents(path: string): LoggedEvent[] {
  const lines = readText(path).split("\n");
  // Whole lines end with a line feed: what follows the last one is torn, or empty.
  lines.pop();
  let events: LoggedEvent[] = [];
  lines.forEach((line, i) => {
    const event = parseEvent(line, `${path}: line ${i + 1}`);
    if (event.kind === "start") events = events.filter(({ step }) => step <= event.step);
    events.push(event);
  });
  return events;
}

function parseEvent(line: string, where: string): LoggedEvent {
  try {
    const event = JSON.parse(line) as LoggedEvent | null;
    if (typeof event?.kind === "string" && typeof event.step === "number") return event;
  } catch (error) {
    throw new DataError(`${where} is not JSON; the file was damaged or changed`, { cause: error });
  }
  throw new DataError(`${where} is not an event of a run; the file was damaged or changed`);
}

function readText(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function appendLine(path: string, file: number, event: LoggedEvent): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`);
  const { size } = fs.fstatSync(file);
  try {
    fs.writeFileSync(file, line);
  } catch (error) {
    truncateQuietly(file, size);
    throw storageError(path, error);
  }
}

/** After a failed write: the file may be something that cannot be cut, and the first error is the one to report. */
function truncateQuietly(file: number, size: number): void {
  try {
    fs.ftruncateSync(file, size);
  } catch {
    return;
  }
}

function cutTornLine(path: string): void {
  if (!fs.statSync(path).isFile()) return;
  const bytes = fs.readFileSync(path);
  const whole = bytes.lastIndexOf(0x0a) + 1;
  if (whole < bytes.length) fs.truncateSync(path, whole);
}
