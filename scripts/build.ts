import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { compilePackage } from "./compile-package.ts";
import { packPackage } from "./pack-package.ts";
import { publishedPackages, type WorkspacePackage } from "./workspace.ts";

/** `pnpm build`: compiles every published package to its `dist`, packs it, and has publint look at what is in the tarball. */
const packages = publishedPackages();
for (const each of packages) {
  const problems = compilePackage(each, packages);
  if (problems !== "") {
    console.error(`build: ${each.name} does not compile\n${problems}`);
    process.exit(1);
  }
  console.log(`build: compiled ${each.name}`);
}

const tarballs = await mkdtemp(join(tmpdir(), "limbeck-pack-"));
try {
  for (const each of packages) await lintPacked(each);
} finally {
  await rm(tarballs, { recursive: true, force: true });
}

async function lintPacked(each: WorkspacePackage): Promise<void> {
  const tarball = await readFile(await packPackage(each, tarballs));
  const { messages, pkg } = await publint({
    pack: { tarball: Uint8Array.from(tarball).buffer },
    strict: true,
  });
  for (const message of messages)
    console.error(`build: ${each.name}: ${formatMessage(message, pkg, { color: false })}`);
  if (messages.length > 0) process.exitCode = 1;
  else console.log(`build: ${each.name} packs cleanly`);
}
