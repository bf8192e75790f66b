import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { BackendName } from "@limbeck/core";
import type { CaseKind, CaseValues } from "./backend-cases.ts";

const program = fileURLToPath(new URL(`./backend-process-main${extname(import.meta.url)}`, import.meta.url));

/** What the process of one back end is told, as JSON in its argument. */
export interface BackendTask {
  readonly backend: BackendName;
  readonly quick: boolean;
  readonly threads: number | undefined;
  /** Folder for the results of this back end. */
  readonly folder: string;
  /** Folder of prepared parts, shared by all back ends. */
  readonly prepared: string;
}

/** A line that the process prints. */
export type BackendLine =
  | { readonly kind: "ready"; readonly version: string; readonly device: string; readonly arithmetic: string }
  | { readonly kind: "unavailable"; readonly reason: string }
  | {
      readonly kind: "case";
      readonly name: string;
      readonly of: CaseKind;
      /** Processor seconds. */
      readonly seconds: number;
      /** Lengths of the arrays in `file`, those before the step after them. */
      readonly lengths: readonly number[];
      readonly before: number;
      readonly file: string;
    }
  | { readonly kind: "failed"; readonly name: string; readonly of: CaseKind; readonly reason: string };

/** Results of one back end; `reason` where it is not there or its process ended early. */
export interface BackendRun {
  readonly backend: BackendName;
  readonly lines: readonly BackendLine[];
  readonly reason: string | undefined;
}

/** Runs all cases on one back end in a process of its own. Never rejects. */
export async function runBackend(
  task: BackendTask,
  nodeArguments: readonly string[] = process.execArgv,
): Promise<BackendRun> {
  const args = [...nodeArguments, program, JSON.stringify(task)];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const lines = stdout
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as BackendLine);
      const missing = lines.find((line) => line.kind === "unavailable");
      const crashed =
        error === null ? undefined : `its process ended early: ${lastLine(stderr) || error.message}`;
      resolve({ backend: task.backend, lines, reason: missing?.reason ?? crashed });
    });
  });
}

/** The arrays that a line tells of. */
export function readValues({ file, lengths, before }: Extract<BackendLine, { kind: "case" }>): CaseValues {
  const bytes = readFileSync(file);
  let offset = 0;
  const arrays = lengths.map((length) => {
    const array = new Float32Array(length);
    for (let i = 0; i < length; i++) array[i] = bytes.readFloatLE(offset + 4 * i);
    offset += 4 * length;
    return array;
  });
  const values = arrays.slice(0, arrays.length - before);
  return before === 0 ? { values } : { values, before: arrays.slice(-before) };
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)!.trim();
}
