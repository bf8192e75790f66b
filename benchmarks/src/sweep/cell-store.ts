import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  DataError,
  readSet,
  removeParts,
  RunError,
  storageError,
  writeFileBeside,
  type SyntheticSet,
} from "@limbeck/core";
import { z } from "zod";
import { recordSchema } from "../records/record.ts";
import { CELL_FORMAT, cellId, type Cell } from "./cell.ts";

const outcomeSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("set"),
    /** Content hash of the set that lies beside it as `set.arrow`. */
    hash: z.string().min(1),
    /** Wall seconds of the steps. */
    seconds: z.number().min(0),
  }),
  z.strictObject({ kind: z.literal("record"), record: recordSchema }),
]);

/** What a finished cell leaves: a set, or a record. */
export type CellOutcome = z.output<typeof outcomeSchema>;

/**
 * Where the outcomes of cells are kept, by the cells' ids. A folder here; whatever gives these four calls can stand for it, such
 * as a bucket.
 */
export interface CellStore {
  /** Outcome of a cell; undefined where it is not finished. @throws {DataError} if it is there and damaged. */
  outcome(id: string): Promise<CellOutcome | undefined>;
  /** The set of a finished distill cell. @throws {DataError} if there is none or it is damaged. */
  set(id: string): Promise<SyntheticSet>;
  /** Ids of all finished cells. */
  finished(): Promise<ReadonlySet<string>>;
  /**
   * Makes a cell finished, whole or not at all; a second time for the same cell changes nothing.
   * @param folder What the cell wrote, with `set.arrow` of a distillation. It belongs to the store afterwards.
   */
  finish(cell: Cell, outcome: CellOutcome, folder: string): Promise<void>;
}

const CELL_FILE = "cell.json";
const OUTCOME_FILE = "outcome.json";
const STORE_FILE = "store.json";

/**
 * A store in a folder, made if needed: one folder a finished cell, `cells/ID`, moved into place in one rename.
 *
 * @throws {DataError} if the folder holds a store of another format.
 * @throws {RunError} if it cannot be written.
 */
export function folderCellStore(folder: string): CellStore {
  claimFormat(join(folder, STORE_FILE));
  const cells = join(folder, "cells");
  const pathOf = (id: string, file: string): string => join(cells, id, file);
  return {
    async outcome(id) {
      const path = pathOf(id, OUTCOME_FILE);
      return existsSync(path) ? readOutcome(path) : undefined;
    },
    async set(id) {
      return readSet(pathOf(id, "set.arrow"));
    },
    async finished() {
      const found = existsSync(cells) ? readdirSync(cells) : [];
      return new Set(found.filter((id) => existsSync(pathOf(id, OUTCOME_FILE))));
    },
    async finish(cell, outcome, made) {
      const id = cellId(cell);
      if (existsSync(pathOf(id, OUTCOME_FILE))) {
        rmSync(made, { recursive: true, force: true });
        return;
      }
      rmSync(join(made, "checkpoint"), { recursive: true, force: true });
      // Of a process that was killed at this very place.
      removeParts(made);
      writeFileBeside(join(made, CELL_FILE), `${JSON.stringify(cell, null, 2)}\n`);
      writeFileBeside(join(made, OUTCOME_FILE), `${JSON.stringify(outcome, null, 2)}\n`);
      try {
        mkdirSync(cells, { recursive: true });
        renameSync(made, join(cells, id));
      } catch (error) {
        if (existsSync(pathOf(id, OUTCOME_FILE))) return;
        throw storageError(join(cells, id), error);
      }
    },
  };
}

function readOutcome(path: string): CellOutcome {
  try {
    return parseOutcome(path, readFileSync(path, "utf8"));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw unreadable(path, cause);
  }
}

/**
 * An outcome as a store keeps it.
 *
 * @param where Begins the message.
 * @throws {DataError} if the text is none.
 */
export function parseOutcome(where: string, text: string): CellOutcome {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(where, cause);
  }
  const parsed = outcomeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DataError(
    `${where}: ${z.prettifyError(parsed.error)}; delete its folder, and the cell runs again`,
  );
}

function unreadable(where: string, cause: unknown): DataError {
  const reason = (cause as Error).message;
  return new DataError(`${where}: cannot be read (${reason}); delete its folder, and the cell runs again`, {
    cause,
  });
}

/** Writes the format of a new store, checks that of an old one. */
function claimFormat(path: string): void {
  if (existsSync(path)) checkStoreFormat(path, readFileSync(path, "utf8"));
  else writeFileBeside(path, STORE_FORMAT);
}

/** What a store of this format says of itself. */
export const STORE_FORMAT = `${JSON.stringify({ format: CELL_FORMAT })}\n`;

/** @throws {RunError} if a store says that it has another format. */
export function checkStoreFormat(where: string, text: string): void {
  let format: unknown;
  try {
    format = (JSON.parse(text) as { format?: unknown } | null)?.format;
  } catch {
    format = undefined;
  }
  if (format === CELL_FORMAT) return;
  throw new RunError(
    `${where}: the store has format ${JSON.stringify(format)}, this version writes ${CELL_FORMAT}; ` +
      "choose another folder, or go on with the version that made it",
  );
}
