import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ConfigError } from "../errors.ts";
import { BINDING_FILE, NODE_API } from "./setup-folder.ts";
import type { TensorflowPackage } from "./tensorflow-package.ts";

const run = promisify(execFile);
const require = createRequire(import.meta.url);

/** Headers of Node's stable binary interface; not every Node comes with its own. */
const NODE_HEADERS = join(dirname(require.resolve("node-api-headers/package.json")), "include");

export interface BindingSources {
  readonly package: TensorflowPackage;
  /** Folder of TensorFlow's headers. */
  readonly include: string;
  /** Paths of TensorFlow's libraries. */
  readonly libraries: readonly string[];
  /** Folders where the binding looks for them when it is loaded; `$ORIGIN` is its own. */
  readonly searched: readonly string[];
  /** Paths of libraries that the binding loads before TensorFlow asks for them by name. */
  readonly cudaLibraries: readonly string[];
}

/**
 * Compiles the npm package's own binding, of its unchanged C++ sources, against a TensorFlow.
 *
 * @param folder The binding is written there.
 * @returns Path of the binding.
 * @throws {ConfigError} if there is no compiler or it fails; the message holds its first error.
 */
export async function buildBinding(
  sources: BindingSources,
  folder: string,
  signal?: AbortSignal,
): Promise<string> {
  const compiler = await findCompiler();
  const source = join(sources.package.folder, "binding");
  const preload = join(folder, "preload.cc");
  const binding = join(folder, BINDING_FILE);
  writeFileSync(preload, preloadSource(sources.cudaLibraries));
  const origin = process.platform === "darwin" ? "@loader_path" : "$ORIGIN";
  const args = [
    ...["-std=c++17", "-O2", "-shared", "-fPIC", "-w", `-DNAPI_VERSION=${NODE_API}`],
    ...[`-I${sources.include}`, `-I${NODE_HEADERS}`],
    ...[join(source, "tfjs_backend.cc"), join(source, "tfjs_binding.cc"), preload],
    ...["-o", binding, ...sources.libraries],
    ...sources.searched.map((path) => `-Wl,-rpath,${path.replace("$ORIGIN", origin)}`),
    ...(process.platform === "darwin" ? ["-undefined", "dynamic_lookup"] : ["-ldl"]),
  ];
  const [program, ...first] = compiler;
  try {
    await run(program!, [...first, ...args], {
      maxBuffer: 1 << 26,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    const text = (error as { stderr?: string }).stderr ?? "";
    const line =
      text.split("\n").find((each) => /error|No space/i.test(each)) ??
      (error as Error).message.split("\n")[0]!;
    throw new ConfigError(
      `setup tensorflow: wanted the binding of ${sources.package.name} ${sources.package.version} built by ${compiler.join(" ")}, it fails: ` +
        `${line.trim()}; a newer compiler or another release of TensorFlow may do`,
      { cause: error },
    );
  }
  rmSync(preload);
  return binding;
}

/** `CXX` where it is set, else the first of the usual names that runs. */
async function findCompiler(): Promise<readonly string[]> {
  const chosen = process.env["CXX"]?.trim();
  const candidates = chosen ? [chosen] : ["c++", "g++", "clang++"];
  for (const candidate of candidates) {
    const words = candidate.split(/\s+/);
    try {
      await run(words[0]!, [...words.slice(1), "--version"]);
      return words;
    } catch {
      // Try the next name.
    }
  }
  throw new ConfigError(
    `setup tensorflow: wanted a C++ compiler, ${candidates.join(", ")} ${chosen ? "(CXX) does" : "do"} not run; install one, such as ` +
      "with `apt-get install g++`, or set CXX",
  );
}

/**
 * TensorFlow opens CUDA's libraries by name when it looks for cards, and finds those that are loaded already. Installed by
 * Python they lie in folders that no search path names.
 */
function preloadSource(libraries: readonly string[]): string {
  const names = libraries.map((path) => `    ${JSON.stringify(path)},\n`).join("");
  return `#include <dlfcn.h>
namespace {
const char* const libraries[] = {
${names}    nullptr,
};
struct Preload {
  Preload() {
    for (const char* const* path = libraries; *path != nullptr; ++path) dlopen(*path, RTLD_LAZY | RTLD_GLOBAL);
  }
} preload;
}  // namespace
`;
}
