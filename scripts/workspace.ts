import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The repository's folder. */
export const ROOT = join(import.meta.dirname, "..");

/** A package of this workspace that is published. */
export interface WorkspacePackage {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** Names of the workspace packages it depends on. */
  readonly dependencies: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The published packages, each after those it depends on. */
export function publishedPackages(): WorkspacePackage[] {
  const folders = [
    ...subfolders("packages").filter((folder) => folder !== join("packages", "methods")),
    ...subfolders(join("packages", "methods")),
    "benchmarks",
  ];
  return inOrder(folders.flatMap(read));
}

function subfolders(path: string): string[] {
  return readdirSync(join(ROOT, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("_"))
    .map((entry) => join(path, entry.name));
}

function read(path: string): WorkspacePackage[] {
  const folder = join(ROOT, path);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
  if (manifest.private === true) return [];
  const own = Object.entries(manifest.dependencies ?? {}).filter(([, range]) =>
    range.startsWith("workspace:"),
  );
  return [
    { name: manifest.name, version: manifest.version, folder, dependencies: own.map(([name]) => name) },
  ];
}

/** Sorts so that every package stands after its dependencies. */
export function inOrder(packages: readonly WorkspacePackage[]): WorkspacePackage[] {
  const sorted: WorkspacePackage[] = [];
  while (sorted.length < packages.length) {
    const done = sorted.map(({ name }) => name);
    const ready = packages.filter(
      ({ name, dependencies }) =>
        !done.includes(name) && dependencies.every((needed) => done.includes(needed)),
    );
    if (ready.length === 0) {
      const left = packages.map(({ name }) => name).filter((name) => !done.includes(name));
      throw new Error(`workspace: dependencies must have no cycle, got one among ${left.join(", ")}`);
    }
    sorted.push(...ready);
  }
  return sorted;
}
