import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { WorkspacePackage } from "./workspace.ts";

const run = promisify(execFile);

/**
 * Packs a compiled package as it would be published: pnpm puts `publishConfig` in force and versions in the place of
 * `workspace:` and `catalog:`.
 *
 * @returns Path of the tarball.
 */
export async function packPackage(
  { name, version, folder }: WorkspacePackage,
  into: string,
): Promise<string> {
  await pnpm(["pack", "--pack-destination", into], folder);
  return join(into, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
}

/** Runs pnpm, the one that runs this script where there is one. */
export async function pnpm(args: readonly string[], folder: string): Promise<string> {
  const own = process.env["npm_execpath"] ?? "";
  const [program, first] = own.includes("pnpm") ? [process.execPath, [own]] : ["npx", ["-y", "pnpm@10"]];
  const { stdout } = await run(program, [...first, ...args], { cwd: folder, maxBuffer: 1 << 26 });
  return stdout;
}
