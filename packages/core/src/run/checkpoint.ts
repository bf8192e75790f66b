import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { folderGenerations, replaceFolder } from "../artifact/durable-file.ts";
import { decodeSafetensors, encodeSafetensors } from "../artifact/safetensors.ts";
import { DataError } from "../errors.ts";
import type { EncodedState, StateTree } from "./state-codec.ts";

const CHECKPOINT_FORMAT = 1;
const TENSOR_FILE = "state.safetensors";
const DESCRIPTION_FILE = "checkpoint.json";

/** Everything that a run needs to go on from the end of a step. */
export interface Checkpoint {
  /** Steps finished. */
  readonly step: number;
  /** Wall seconds of work so far, over all processes. */
  readonly seconds: number;
  readonly state: EncodedState;
}

interface Description {
  readonly format: number;
  readonly content: {
    readonly step: number;
    readonly seconds: number;
    readonly tree: StateTree;
    /** SHA-256 of the tensor file. */
    readonly tensors: string;
  };
  /** SHA-256 of `content` as JSON. */
  readonly sha256: string;
}

/**
 * Writes a checkpoint folder: `state.safetensors` and `checkpoint.json`, each with its checksum in the latter. The
 * previous checkpoint stays until the new one is whole on the disk.
 *
 * @throws {RunError} if the disk is full or the folder cannot be written; the previous checkpoint is then still there.
 */
export function writeCheckpoint(folder: string, { step, seconds, state }: Checkpoint): void {
  const tensors = encodeSafetensors({ tensors: state.tensors, metadata: {} });
  const content = { step, seconds, tree: state.tree, tensors: sha256(tensors) };
  const description: Description = {
    format: CHECKPOINT_FORMAT,
    content,
    sha256: sha256(JSON.stringify(content)),
  };
  replaceFolder(folder, {
    [TENSOR_FILE]: tensors,
    [DESCRIPTION_FILE]: `${JSON.stringify(description, null, 1)}\n`,
  });
}

/**
 * The newest whole checkpoint, also where a process was killed while it replaced one; none if none was ever written.
 *
 * @throws {DataError} if there are checkpoints and none is whole.
 */
export function readCheckpoint(folder: string): Checkpoint | undefined {
  let damage: DataError | undefined;
  for (const generation of folderGenerations(folder)) {
    if (!fs.existsSync(generation)) continue;
    try {
      return readGeneration(generation);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      damage ??= error;
    }
  }
  // A first checkpoint that was never whole is as good as none.
  if (damage === undefined || !fs.existsSync(folder)) return undefined;
  throw damage;
}

function readGeneration(folder: string): Checkpoint {
  const path = join(folder, DESCRIPTION_FILE);
  const description = parseDescription(path, readBytes(path).toString("utf8"));
  const { step, seconds, tree, tensors: wanted } = description.content;
  const tensorPath = join(folder, TENSOR_FILE);
  const bytes = readBytes(tensorPath);
  if (sha256(bytes) !== wanted) throw damaged(tensorPath, "its checksum is wrong");
  return { step, seconds, state: { tree, tensors: decodeSafetensors(bytes, tensorPath).tensors } };
}

function parseDescription(path: string, text: string): Description {
  let description: Partial<Description> | null;
  try {
    description = JSON.parse(text) as Partial<Description> | null;
  } catch (error) {
    throw damaged(path, "it is not JSON", error);
  }
  const format = description?.format;
  if (typeof format === "number" && format > CHECKPOINT_FORMAT) {
    throw new DataError(
      `${path}: the checkpoint has format ${format}, this version reads up to ${CHECKPOINT_FORMAT}; update Limbeck`,
    );
  }
  if (
    description?.content === undefined ||
    sha256(JSON.stringify(description.content)) !== description.sha256
  ) {
    throw damaged(path, "its checksum is wrong");
  }
  return description as Description;
}

function readBytes(path: string): Buffer {
  try {
    return fs.readFileSync(path);
  } catch (error) {
    throw damaged(path, (error as Error).message, error);
  }
}

function damaged(path: string, what: string, cause?: unknown): DataError {
  return new DataError(
    `${path}: the checkpoint is damaged: ${what}; remove the run folder and start again`,
    cause === undefined ? {} : { cause },
  );
}

function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}
