import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import type { Problem } from "./model.ts";

/** Larger files are not read whole. */
const LARGEST_FILE = 512e6;

/**
 * A record as far as the page needs it. Records of older versions lack keys, those of newer ones have more: what is missing gets a
 * value that says so, what is unknown is left out.
 */
const readableRecord = z.object({
  method: z.string().min(1),
  dataset: z.string().min(1),
  normalisation: z.string().optional(),
  ipc: z.number().positive(),
  seed: z.number().optional(),
  labels: z.string().optional(),
  network: z.string().min(1),
  protocol: z.string().min(1),
  seeds: z.array(z.number()).optional(),
  accuracy: z.array(z.number().min(0).max(100)).min(1),
  config: z.record(z.string(), z.unknown()).default({}),
  set: z.string().default(""),
  seconds: z
    .object({ distill: z.number().min(0).default(0), evaluate: z.number().min(0).default(0) })
    .default({ distill: 0, evaluate: 0 }),
  bytes: z
    .object({
      images: z.number().min(0).default(0),
      labels: z.number().min(0).default(0),
      decoder: z.number().min(0).default(0),
    })
    .default({ images: 0, labels: 0, decoder: 0 }),
  backend: z.string().default("unknown"),
  precision: z.string().default("unknown"),
  commit: z.string().default("unknown"),
  machine: z.string().default("unknown"),
  date: z.string().default(""),
});

/** @see readableRecord */
export type ReadableRecord = z.output<typeof readableRecord>;

/** What could be read of a file, and what could not. */
export interface ReadRecords {
  readonly records: readonly ReadableRecord[];
  readonly problems: readonly Problem[];
}

/** Records of a JSON lines file. A torn or foreign line is a problem of its own and hides no other. */
export function readRecordLines(path: string): ReadRecords {
  const text = readSmallFile(path);
  if (typeof text !== "string") return { records: [], problems: [{ path, message: text.message }] };
  const records: ReadableRecord[] = [];
  const torn: number[] = [];
  const foreign: { line: number; message: string }[] = [];
  text.split("\n").forEach((content, index) => {
    if (content.trim() === "") return;
    const line = index + 1;
    let value: unknown;
    try {
      value = JSON.parse(content);
    } catch {
      torn.push(line);
      return;
    }
    const parsed = readableRecord.safeParse(value);
    if (parsed.success && fits(parsed.data)) records.push(parsed.data);
    else
      foreign.push({
        line,
        message: parsed.success ? "seeds and accuracy differ in number" : firstIssue(parsed.error),
      });
  });
  const problems: Problem[] = [];
  if (torn.length > 0) {
    problems.push({ path, message: `${lines(torn)} cut off by a crash or no JSON; left out` });
  }
  if (foreign.length > 0) {
    const numbers = lines(foreign.map(({ line }) => line));
    problems.push({ path, message: `${numbers} not a record (${foreign[0]!.message}); left out` });
  }
  return { records, problems };
}

/** The record of a sweep's cell; none where the cell made a set. */
export function readOutcome(path: string): ReadRecords {
  const text = readSmallFile(path);
  if (typeof text !== "string") return { records: [], problems: [{ path, message: text.message }] };
  const problem = (message: string): ReadRecords => ({ records: [], problems: [{ path, message }] });
  try {
    const value = JSON.parse(text) as { kind?: unknown; record?: unknown } | null;
    if (value?.kind === "set") return { records: [], problems: [] };
    const parsed = readableRecord.safeParse(value?.record);
    return parsed.success && fits(parsed.data)
      ? { records: [parsed.data], problems: [] }
      : problem("not the outcome of a cell; left out");
  } catch {
    return problem("no JSON; left out");
  }
}

function fits({ seeds, accuracy }: ReadableRecord): boolean {
  return seeds === undefined || seeds.length === accuracy.length;
}

function readSmallFile(path: string): string | { readonly message: string } {
  try {
    const { size } = statSync(path);
    if (size > LARGEST_FILE) return { message: `${size} bytes are more than a report reads; left out` };
    return readFileSync(path, "utf8");
  } catch (error) {
    return { message: `cannot be read: ${(error as Error).message}` };
  }
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]!;
  return `${issue.path.join(".") || "line"}: ${issue.message}`;
}

function lines(numbers: readonly number[]): string {
  const first = numbers.slice(0, 5).join(", ");
  const rest = numbers.length > 5 ? ` and ${numbers.length - 5} more` : "";
  return `${numbers.length === 1 ? "line" : "lines"} ${first}${rest}:`;
}
