import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { cacheFolder } from "../cache-folder.ts";
import type { TensorflowPackage } from "./tensorflow-package.ts";

/** Version of Node's stable binary interface that the binding is built for: one binding serves every Node from 12 on. */
export const NODE_API = 8;

/** File of the compiled binding in a setup's folder. */
export const BINDING_FILE = "tfjs_binding.node";
/** File that describes a setup, in its folder. */
export const SETUP_FILE = "setup.json";

/** What was set up. */
export const setupSchema = z.strictObject({
  format: z.literal(1),
  package: z.strictObject({ name: z.string(), version: z.string() }),
  tensorflow: z.strictObject({
    version: z.string().describe("as the library itself tells"),
    digest: z.string().describe("SHA-256 of its libraries"),
  }),
  source: z.string().describe("wheel or folder that it came from"),
  libraries: z
    .array(z.strictObject({ path: z.string(), bytes: z.number() }))
    .describe("relative to the folder of the setup, or absolute where they stay where they were"),
  cudaLibraries: z.array(z.string()).describe("loaded first, by path"),
});
export type TensorflowSetup = z.output<typeof setupSchema>;

const currentSchema = z.strictObject({ format: z.literal(1), entry: z.string().regex(/^\w[\w.@-]*$/) });

/** A setup in force, or why it cannot be used. */
export type SetupState =
  | { readonly kind: "none" }
  | { readonly kind: "broken"; readonly reason: string }
  | {
      readonly kind: "ready";
      readonly entry: string;
      readonly folder: string;
      readonly binding: string;
      readonly setup: TensorflowSetup;
    };

/** Folder of the setups of this platform; machines of several kinds may share a cache. */
export function setupFolder(cache?: string): string {
  return join(cacheFolder(cache), "tensorflow", `${process.platform}-${process.arch}-napi${NODE_API}`);
}

/** File that names the setup in force. */
export function currentFile(cache?: string): string {
  return join(setupFolder(cache), "current.json");
}

/**
 * The setup in force.
 *
 * @param packages What is installed: a setup of another package or version cannot be used.
 */
export function currentSetup(packages: readonly TensorflowPackage[], cache?: string): SetupState {
  const file = currentFile(cache);
  if (!existsSync(file)) return { kind: "none" };
  let entry: string;
  let folder: string;
  let setup: TensorflowSetup;
  try {
    entry = currentSchema.parse(JSON.parse(readFileSync(file, "utf8"))).entry;
    folder = join(setupFolder(cache), entry);
    setup = setupSchema.parse(JSON.parse(readFileSync(join(folder, SETUP_FILE), "utf8")));
  } catch {
    return { kind: "broken", reason: `the TensorFlow that was set up in ${setupFolder(cache)} is damaged` };
  }
  const { name, version } = setup.package;
  if (!packages.some((each) => each.name === name && each.version === version)) {
    const here = packages.map((each) => `${each.name} ${each.version}`).join(" and ");
    return { kind: "broken", reason: `TensorFlow was set up for ${name} ${version}, installed is ${here}` };
  }
  const binding = join(folder, BINDING_FILE);
  const changed = [{ path: binding }, ...setup.libraries].find((file) => !unchanged(folder, file));
  if (changed === undefined) return { kind: "ready", entry, folder, binding, setup };
  return {
    kind: "broken",
    reason: `${resolve(folder, changed.path)}, with which TensorFlow was set up, is gone or was changed`,
  };
}

function unchanged(folder: string, { path, bytes }: { path: string; bytes?: number }): boolean {
  const file = statSync(resolve(folder, path), { throwIfNoEntry: false });
  return file !== undefined && (bytes === undefined || file.size === bytes);
}
