import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BACKEND_NAMES, RunError, type BackendName } from "@limbeck/core";
import { backendCases, TOLERANCES, type CaseKind, type CaseValues } from "./backend-cases.ts";
import { readValues, runBackend, type BackendLine, type BackendRun } from "./backend-process.ts";

export interface CompareOptions {
  /** Default: every one. `cpu` is always run, first. */
  readonly backends?: readonly BackendName[];
  /** About a quarter of the cases. Default false. */
  readonly quick?: boolean;
  /** Default: all cores. */
  readonly threads?: number;
  readonly onBackend?: (column: BackendColumn) => void;
  /** Options of node for the processes; default: those of this process. */
  readonly nodeArguments?: readonly string[];
}

/** One back end of the table. */
export interface BackendColumn {
  readonly backend: BackendName;
  /** Library and device; null where it is not there. */
  readonly version: string | null;
  readonly device: string | null;
  /** Why it is not there, or why its process ended early. */
  readonly reason: string | null;
  /** Processor seconds of all cases. */
  readonly seconds: number;
}

/** One case: the relative error of every back end, or why there is none. */
export interface BackendRow {
  readonly name: string;
  readonly kind: CaseKind;
  readonly tolerance: number;
  readonly errors: Readonly<Partial<Record<BackendName, number | { readonly failed: string }>>>;
}

export interface BackendTable {
  readonly columns: readonly BackendColumn[];
  readonly rows: readonly BackendRow[];
  /** Cases that failed or exceed their tolerance, in words; empty where all is well. */
  readonly problems: readonly string[];
}

/**
 * First and second derivatives of the network zoo and one step of every method, on every back end, each in a process of its own,
 * against `cpu`. A back end that is not there is a column with its reason, not a problem.
 *
 * @throws {RunError} if `cpu` itself fails.
 */
export async function compareBackends(options: CompareOptions = {}): Promise<BackendTable> {
  const { backends = BACKEND_NAMES, quick = false, threads, onBackend, nodeArguments } = options;
  const names = ["cpu" as const, ...backends.filter((name) => name !== "cpu")];
  const root = mkdtempSync(join(tmpdir(), "limbeck-backends-"));
  try {
    const columns: BackendColumn[] = [];
    const found = new Map<BackendName, ReadonlyMap<string, Outcome>>();
    for (const backend of names) {
      const folders = { folder: join(root, backend), prepared: join(root, "prepared") };
      const run = await runBackend({ backend, quick, threads, ...folders }, nodeArguments);
      const column = columnOf(run);
      columns.push(column);
      found.set(backend, outcomesOf(run));
      onBackend?.(column);
    }
    const truth = found.get("cpu")!;
    const rows = backendCases(quick).map(({ name, kind }): BackendRow => {
      const reference = truth.get(keyOf(name, kind));
      if (reference === undefined || "failed" in reference) {
        throw new RunError(
          `back ends: wanted ${name} (${kind}) on cpu to compare with, it fails: ${reference?.failed ?? "its process ended early"}`,
        );
      }
      const there = names.filter((backend) => backend !== "cpu" && found.get(backend)!.size > 0);
      const errors = there.map((backend): [BackendName, number | { failed: string }] => {
        const outcome = found.get(backend)!.get(keyOf(name, kind)) ?? { failed: "its process ended before" };
        return [backend, "failed" in outcome ? outcome : caseError(outcome, reference)];
      });
      return { name, kind, tolerance: TOLERANCES[kind], errors: Object.fromEntries(errors) };
    });
    return { columns, rows, problems: rows.flatMap(problemsOf) };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

type Outcome = CaseValues | { readonly failed: string };

const keyOf = (name: string, kind: CaseKind): string => `${kind} ${name}`;

function outcomesOf({ lines }: BackendRun): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  for (const line of lines) {
    if (line.kind === "case") outcomes.set(keyOf(line.name, line.of), readValues(line));
    if (line.kind === "failed") outcomes.set(keyOf(line.name, line.of), { failed: line.reason });
  }
  return outcomes;
}

function columnOf({ backend, lines, reason }: BackendRun): BackendColumn {
  const ready = lines.find((line) => line.kind === "ready");
  const cases = lines.filter((line): line is Extract<BackendLine, { kind: "case" }> => line.kind === "case");
  return {
    backend,
    version: ready?.version ?? null,
    device: ready?.device ?? null,
    reason: reason ?? null,
    seconds: cases.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/**
 * Largest ‖found − truth‖ / ‖truth − before‖ over the arrays of a case; what moved nothing is compared with its own size. NaN where
 * something is not a number or has another length.
 */
export function caseError(found: CaseValues, truth: CaseValues): number {
  const errors = truth.values.map((value, i) => {
    const before = truth.before?.[i];
    const moved = before === undefined ? 0 : distance(value, before);
    const size = moved > 0 ? moved : distance(value, new Float32Array(value.length));
    const difference = distance(found.values[i] ?? new Float32Array(), value);
    return difference === 0 ? 0 : difference / size;
  });
  return errors.some(Number.isNaN) ? NaN : Math.max(...errors);
}

function distance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return NaN;
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0));
}

function problemsOf({ name, kind, tolerance, errors }: BackendRow): string[] {
  return Object.entries(errors).flatMap(([backend, error]) => {
    if (typeof error !== "number") return [`${backend}, ${name} (${kind}): ${error.failed}`];
    return error <= tolerance
      ? []
      : [`${backend}, ${name} (${kind}): off by ${error.toExponential(1)}, allowed ${tolerance}`];
  });
}
