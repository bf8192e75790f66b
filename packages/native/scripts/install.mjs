// Builds the native back end at install time. Never fails: without a compiler it says so in one line, and the suite goes on
// with WASM. The full output of the build is in build/install.log. LIMBECK_SKIP_NATIVE=1 leaves the build out.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const build = join(root, "build");
const addon = join(build, "Release", "limbeck.node");
const stamp = join(build, "sources.sha256");
const log = join(build, "install.log");

/** Hash of all that the addon is made from, the compiler's settings included. */
function sourcesHash() {
  const hash = createHash("sha256");
  hash.update(`${process.platform} ${process.arch} ${process.versions.modules}\n`);
  for (const name of ["CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS"])
    hash.update(`${name}=${process.env[name] ?? ""}\n`);
  const sources = readdirSync(join(root, "cc")).filter((name) => /\.(cc|h)$/.test(name));
  for (const name of ["binding.gyp", ...sources.sort().map((name) => join("cc", name))]) {
    hash.update(`${name}\n`).update(readFileSync(join(root, name)));
  }
  return hash.digest("hex");
}

/** Says in one line that there is no native back end, and why. */
function goOnWithout(why) {
  console.log(
    `@limbeck/native: the native back end is not built (${why}); the suite goes on with WASM. ` +
      `To have it, install a C++17 compiler, make and Python 3, then run: node packages/native/scripts/install.mjs`,
  );
}

/** The line of the log that says best what went wrong. */
function reasonIn(text) {
  const lines = text.split("\n").map((line) => line.trim());
  const found =
    lines.find((line) => /No such file or directory|not found|could not find any/i.test(line)) ??
    lines.find((line) => /(^|\s)(fatal )?error:/.test(line)) ??
    lines.find((line) => /^gyp ERR! stack/.test(line)) ??
    "see build/install.log";
  return found.replace(/^gyp ERR! (stack )?/, "").slice(0, 160);
}

function run() {
  if (process.env.LIMBECK_SKIP_NATIVE === "1") return goOnWithout("LIMBECK_SKIP_NATIVE is 1");
  const hash = sourcesHash();
  if (existsSync(addon) && existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;

  const nodeGyp = createRequire(import.meta.url).resolve("node-gyp/bin/node-gyp.js");
  const args = [nodeGyp, "configure", "build", "--jobs", String(availableParallelism())];
  const prefix = dirname(dirname(process.execPath));
  if (existsSync(join(prefix, "include", "node", "node_api.h"))) args.push(`--nodedir=${prefix}`);
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 });
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}${result.error ? String(result.error) : ""}`;
  mkdirSync(build, { recursive: true });
  writeFileSync(log, output);
  if (!existsSync(addon)) return goOnWithout(reasonIn(output));
  if (result.status !== 0) {
    console.log(
      `@limbeck/native: the native back end could not be built anew (${reasonIn(output)}); the one built before stays in use. ` +
        `See build/install.log`,
    );
    return;
  }

  const check = spawnSync(process.execPath, ["-e", `require(${JSON.stringify(addon)}).threadCount()`], {
    encoding: "utf8",
  });
  if (check.status !== 0) {
    writeFileSync(log, `${output}\n${check.stderr}`);
    return goOnWithout(`the addon does not load: ${reasonIn(check.stderr)}`);
  }
  writeFileSync(stamp, hash);
}

try {
  run();
} catch (error) {
  goOnWithout(error instanceof Error ? error.message.split("\n")[0] : String(error));
}
