import { createHash } from "node:crypto";
import { sortedJson } from "@limbeck/core";
import { z } from "zod";

/** Raised when the meaning of a cell or of its outcome changes: stores and workers of another format are refused. */
export const CELL_FORMAT = 1;

const datasetSchema = z.strictObject({
  /** Name or path to open it by, on the machine that planned the sweep. Not part of a cell's identity. */
  open: z.string().min(1),
  /** SHA-256 of its pixels and labels: whatever is opened must have it. */
  sha256: z.string().min(1),
  /** Whitened before use. */
  zca: z.enum(["pixels", "standardised"]).optional(),
});

const engineSchema = z.strictObject({
  backend: z.string().min(1),
  precision: z.enum(["highest", "high", "default"]),
  threads: z.int().min(1),
  samplesAtOnce: z.int().min(1).optional(),
});

const distillCellSchema = z.strictObject({
  kind: z.literal("distill"),
  method: z.string().min(1),
  /** Complete: every default filled in. */
  config: z.record(z.string(), z.unknown()),
  /** Where the configuration came from; for people, not part of the identity. */
  preset: z.string().optional(),
  dataset: datasetSchema,
  seed: z.int().min(0),
  engine: engineSchema,
});

const evaluateCellSchema = z.strictObject({
  kind: z.literal("evaluate"),
  /** What is scored: the set of a distill cell, a file of a set, or the whole training split. */
  set: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("cell"), id: z.string().min(1) }),
    z.strictObject({
      kind: z.literal("file"),
      /** Not part of the identity. */
      path: z.string().min(1),
      /** Content hash of the set: the file must have it. */
      hash: z.string().min(1),
    }),
    z.strictObject({ kind: z.literal("full") }),
  ]),
  dataset: datasetSchema,
  network: z.string().min(1),
  /** Id such as `dsa-v1`, and the hash of its values. */
  protocol: z.strictObject({ id: z.string().min(1), hash: z.string().min(1) }),
  /** One fresh network each. */
  seeds: z.array(z.int().min(0)).min(1),
  engine: engineSchema,
});

/**
 * One unit of a sweep as pure JSON: everything that decides its outcome, and nothing that lives on one machine but the two paths,
 * which do not count. Distillations and evaluations are cells of their own, so that one set is scored in several ways.
 */
export const cellSchema = z.discriminatedUnion("kind", [distillCellSchema, evaluateCellSchema]);

/** @see cellSchema */
export type Cell = z.output<typeof cellSchema>;
/** A cell whose outcome is a set. */
export type DistillCell = z.output<typeof distillCellSchema>;
/** A cell whose outcome is a record. */
export type EvaluateCell = z.output<typeof evaluateCellSchema>;
/** The real data of a cell. */
export type CellDataset = z.output<typeof datasetSchema>;
/** The back end a cell is for. */
export type CellEngine = z.output<typeof engineSchema>;

/** 32 hexadecimal digits of SHA-256 over what decides the outcome of a cell: equal ids, equal outcomes. */
export function cellId(cell: Cell): string {
  return createHash("sha256")
    .update(sortedJson({ format: CELL_FORMAT, ...identityOf(cell) }))
    .digest("hex")
    .slice(0, 32);
}

function identityOf(cell: Cell): Readonly<Record<string, unknown>> {
  const { open: _open, ...dataset } = cell.dataset;
  if (cell.kind === "distill") {
    const { preset: _preset, ...rest } = cell;
    return { ...rest, dataset };
  }
  const set = cell.set.kind === "file" ? { kind: "file", hash: cell.set.hash } : cell.set;
  return { ...cell, dataset, set };
}

/** Ids of the cells that must be finished before this one. */
export function cellNeeds(cell: Cell): readonly string[] {
  return cell.kind === "evaluate" && cell.set.kind === "cell" ? [cell.set.id] : [];
}

/** One line for people: `distill datadam fashion-mnist ipc 10 seed 0`. */
export function cellTitle(cell: Cell, needed?: DistillCell): string {
  const data = cell.dataset.zca === undefined ? cell.dataset.open : `${cell.dataset.open}, ZCA`;
  if (cell.kind === "distill") {
    return `${cell.method} ${data} ipc ${String(cell.config["ipc"])} seed ${cell.seed}`;
  }
  const what =
    needed !== undefined
      ? cellTitle(needed)
      : `${cell.set.kind === "file" ? cell.set.path : cell.set.kind} ${data}`;
  return `${what}: ${cell.network}, ${cell.protocol.id}`;
}
