import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { removeOrphans, writeFileBeside } from "../artifact/durable-file.ts";
import { encodeSafetensors, readSafetensors, type SafetensorsFile } from "../artifact/safetensors.ts";
import { DataError } from "../errors.ts";
import type { PreparedArrays } from "../method/prepared-part.ts";
import { pidInUse } from "./process-identity.ts";

/** Keeps prepared parts by address. */
export interface PartStore {
  /** The part at an address; undefined where there is none. @throws {DataError} if it is there and damaged. */
  read(address: string): PreparedArrays | undefined;
  /** @param identity What the address follows from, as text: kept beside the arrays for people. */
  write(address: string, identity: string, arrays: PreparedArrays): void;
}

/** A store that lives as long as the process. */
export function memoryPartStore(): PartStore {
  const parts = new Map<string, PreparedArrays>();
  return {
    read: (address) => parts.get(address),
    write: (address, _identity, arrays) => void parts.set(address, arrays),
  };
}

/**
 * A store of one safetensors file a part, made when the first is written. Files appear whole or not at all; two processes
 * that make the same part write the same bytes.
 */
export function folderPartStore(folder: string): PartStore {
  const pathOf = (address: string): string => join(folder, `${address}.safetensors`);
  return {
    read(address) {
      const path = pathOf(address);
      if (!existsSync(path)) return undefined;
      let file: SafetensorsFile;
      try {
        file = readSafetensors(path);
      } catch (error) {
        throw damaged(path, (error as Error).message, error);
      }
      const arrays = file.tensors as PreparedArrays;
      if (digestOf(arrays) === file.metadata["sha256"]) return arrays;
      throw damaged(path, `${path}: its content is not what was written`);
    },
    write(address, identity, arrays) {
      const metadata = { identity, sha256: digestOf(arrays) };
      writeFileBeside(pathOf(address), encodeSafetensors({ tensors: arrays, metadata }));
      removeOrphans(pathOf(address), (pid) => !pidInUse(pid));
    },
  };
}

function damaged(path: string, what: string, cause?: unknown): DataError {
  return new DataError(`${what}; delete ${path}, and it is made again`, { cause });
}

function digestOf(arrays: PreparedArrays): string {
  const hash = createHash("sha256");
  for (const [name, { shape, data }] of Object.entries(arrays).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
