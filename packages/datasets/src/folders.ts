import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import envPaths from "env-paths";
import { packageRoot } from "./package-root.ts";

const paths = envPaths("limbeck", { suffix: "" });

export { cacheFolder } from "@limbeck/core";

/**
 * Folders where data files are looked for, in order: the argument, `LIMBECK_DATA`, `shared/data` beside the
 * repository when this package runs inside one, and the folder that downloads go to.
 */
export function dataFolders(folder?: string): readonly string[] {
  const candidates = [folder, process.env.LIMBECK_DATA || undefined, sharedDataFolder(), paths.data];
  return [...new Set(candidates.filter((path) => path !== undefined).map((path) => resolve(path)))];
}

/** Where downloads are kept: the argument, else `LIMBECK_DATA`, else the user's data folder of the platform. */
export function downloadFolder(folder?: string): string {
  return resolve(folder ?? (process.env.LIMBECK_DATA || paths.data));
}

function sharedDataFolder(): string | undefined {
  const repository = resolve(packageRoot, "..", "..");
  if (!existsSync(join(repository, "pnpm-workspace.yaml"))) return undefined;
  const shared = resolve(repository, "..", "shared", "data");
  return existsSync(shared) ? shared : undefined;
}
