import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packPackage, pnpm } from "./pack-package.ts";
import { publishedPackages } from "./workspace.ts";

/**
 * `pnpm check:packed`, after `pnpm build`: packs every package, installs the tarballs in an empty project as a user
 * would, and runs them under plain node, without a TypeScript loader.
 */
const packages = publishedPackages();
const project = await mkdtemp(join(tmpdir(), "limbeck-packed-"));
try {
  const tarballs: Record<string, string> = {};
  for (const each of packages) tarballs[each.name] = `file:${await packPackage(each, project)}`;
  await writeFile(join(project, "package.json"), JSON.stringify(userProject(tarballs)));
  await pnpm(["install", "--ignore-workspace", "--prefer-offline", "--no-frozen-lockfile"], project);
  // pnpm does not run the install script of a tarball unasked.
  console.log(run(["node_modules/@limbeck/native/scripts/install.mjs"]));
  for (const name of packages.map((each) => each.name)) await importsUnderNode(name);
  console.log(run(["node_modules/@limbeck/cli/dist/main.js", "--version"]));
  const report = JSON.parse(run(["node_modules/@limbeck/cli/dist/main.js", "doctor", "--json"])) as {
    backends: { name: string; available: boolean; reason: string | null }[];
  };
  for (const { name, available, reason } of report.backends) {
    console.log(`packed: back end ${name}: ${available ? "there" : reason}`);
  }
  const built = existsSync(join(project, "node_modules/@limbeck/native/build/Release/limbeck.node"));
  if (report.backends.find(({ name }) => name === "native")?.available !== built) {
    throw new Error(`packed: the native back end must be there exactly where it was built, built: ${built}`);
  }
  console.log("packed: every tarball installs, imports and runs under node");
} finally {
  await rm(project, { recursive: true, force: true });
}

function userProject(tarballs: Readonly<Record<string, string>>): object {
  return {
    name: "packed",
    private: true,
    type: "module",
    dependencies: tarballs,
    // Tarballs name each other by version: nothing of ours comes from a registry.
    pnpm: { overrides: tarballs },
  };
}

async function importsUnderNode(name: string): Promise<void> {
  const file = join(project, "import.mjs");
  await writeFile(file, `console.log(Object.keys(await import(${JSON.stringify(name)})).length);`);
  console.log(`packed: ${name} exports ${run([file])} names`);
}

function run(args: readonly string[]): string {
  return execFileSync(process.execPath, args, { cwd: project, encoding: "utf8" }).trim();
}
