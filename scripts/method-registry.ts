import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** One package of methods, and the names under which its index.ts exports them. */
export interface MethodPackage {
  readonly name: string;
  readonly folder: string;
  readonly methods: readonly string[];
}

/** The part of a package.json that matters here. */
export interface Manifest {
  readonly name: string;
  /** What the package brings, where that is no method of its own, such as labels for the sets of others. */
  readonly limbeck?: { readonly brings: string };
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The packages of methods under `root`, by name. Folders that start with `_` are templates. */
export async function methodPackages(root: string): Promise<MethodPackage[]> {
  const entries = await readdir(root, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("_"));
  const packages = folders.map(async ({ name }): Promise<MethodPackage[]> => {
    const folder = join(root, name);
    const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Manifest;
    const methods = exportedMethods(await readFile(join(folder, "src", "index.ts"), "utf8"));
    if (methods.length > 0) return [{ name: manifest.name, folder, methods }];
    if (manifest.limbeck !== undefined) return [];
    throw new Error(`gen: ${manifest.name}: src/index.ts must export a method from a method.ts, got none`);
  });
  return (await Promise.all(packages)).flat().sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Names that an index.ts exports from `method.ts` files: `export { dm } from "./dm/method.ts"`. */
export function exportedMethods(index: string): string[] {
  const names: string[] = [];
  for (const [, list] of index.matchAll(/export\s*\{([^}]*)\}\s*from\s*"\.\/(?:[\w-]+\/)?method\.ts"/g)) {
    for (const entry of list!.split(",").map((part) => part.trim())) {
      if (entry !== "" && !entry.startsWith("type ")) names.push(entry.split(/\s+as\s+/).at(-1)!);
    }
  }
  return names.sort();
}

/** Source of the harness's registry. */
export function registrySource(packages: readonly MethodPackage[]): string {
  const imports = packages.map(({ name, methods }) => `import { ${methods.join(", ")} } from "${name}";`);
  const names = packages.flatMap(({ methods }) => methods).sort();
  return [
    "// Written by `pnpm gen` from the folders of packages/methods. Do not edit.",
    ...imports,
    'import type { DistillationMethod } from "@limbeck/core";',
    "",
    "/** Every method of this workspace, by name. */",
    `export const methods: readonly DistillationMethod[] = [${names.join(", ")}];`,
    "",
  ].join("\n");
}

/** The manifest with every package of methods among its dependencies. */
export function withMethodDependencies(manifest: Manifest, packages: readonly MethodPackage[]): Manifest {
  const given = manifest.dependencies ?? {};
  const missing = packages.filter(({ name }) => given[name] === undefined);
  if (missing.length === 0) return manifest;
  const added = Object.fromEntries(missing.map(({ name }) => [name, "workspace:^"]));
  const sorted = Object.entries({ ...given, ...added }).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...manifest, dependencies: Object.fromEntries(sorted) };
}
