import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { commitHash, engineInfo, machineDescription } from "@limbeck/core";

/** What a figure is worth nothing without: the engine in force, the commit, the machine and the time, now. */
export function circumstances() {
  const { backend, precision } = engineInfo();
  return {
    backend,
    precision,
    commit: commitHash(dirname(fileURLToPath(import.meta.url))),
    machine: machineDescription(),
    date: new Date().toISOString(),
  };
}
