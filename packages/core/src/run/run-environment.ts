import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { commitHash } from "../engine/commit-hash.ts";
import { engineIdentity, ensureBackend } from "../engine/engine.ts";
import { machineDescription } from "../engine/machine.ts";
import type { RunConfig } from "./run-config.ts";

/** Where and on what a run works. */
export type RunEnvironment = Pick<
  RunConfig,
  | "backend"
  | "precision"
  | "threads"
  | "samplesAtOnce"
  | "arithmetic"
  | "device"
  | "isa"
  | "machine"
  | "commit"
  | "versions"
>;

/** The environment of this process; chooses a back end if none was chosen. */
export async function runEnvironment(): Promise<RunEnvironment> {
  const { arithmetic, device, isa, version } = await ensureBackend();
  return {
    ...engineIdentity(),
    arithmetic,
    device,
    isa,
    machine: machineDescription(),
    commit: commitHash(dirname(fileURLToPath(import.meta.url))),
    versions: {
      limbeck: packageVersion(),
      node: process.versions.node,
      tfjs: tf.version_core,
      backend: version,
    },
  };
}

/** Version of this package; the same relative path from the source and from the build. */
function packageVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
