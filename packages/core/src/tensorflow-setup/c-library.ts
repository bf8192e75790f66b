import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError } from "../errors.ts";

/** TensorFlow's C library on the disk. */
export interface CLibrary {
  /** Paths of the library and, where it is a file of its own, of its framework. */
  readonly libraries: readonly string[];
  /** Folder that holds `tensorflow/c/c_api.h`. */
  readonly include: string;
  /** Paths of NVIDIA's libraries beside an installed Python package, in the order in which they need each other. */
  readonly cudaLibraries: readonly string[];
}

/** `libtensorflow_cc.so.2`, `libtensorflow.so.2`, `libtensorflow.so`, `libtensorflow_cc.2.dylib`, … */
const LIBRARY = /^libtensorflow(?:_cc)?(?:\.so|\.so\.\d+|\.dylib|\.\d+\.dylib)$/;
const FRAMEWORK = /^libtensorflow_framework(?:\.so|\.so\.\d+|\.dylib|\.\d+\.dylib)$/;

/** Headers that the npm package's binding includes. */
export const NEEDED_HEADERS = [
  "tensorflow/c/c_api.h",
  "tensorflow/c/eager/c_api.h",
  "tensorflow/core/platform/ctstring_internal.h",
] as const;

/** What TensorFlow opens by name once it sees a card; later ones need earlier ones. */
const CUDA_LIBRARIES = [
  "cudart",
  "nvJitLink",
  "cublasLt",
  "cublas",
  "cufft",
  "curand",
  "cusparse",
  "cusolver",
  "cudnn",
  "nccl",
  "cupti",
] as const;

/** The names among `names` of the library, and of its framework where there is one; undefined where there is none. */
export function libraryNames(names: readonly string[]): readonly string[] | undefined {
  // With its major version in the name, as programs ask for it; the C++ library holds the C functions too.
  const best = (pattern: RegExp): string | undefined =>
    names.filter((name) => pattern.test(name)).sort((a, b) => b.length - a.length)[0];
  const library = best(LIBRARY);
  const framework = best(FRAMEWORK);
  if (library === undefined) return undefined;
  return framework === undefined ? [library] : [library, framework];
}

/**
 * Finds the C library in a folder: that of TensorFlow's own archive (`lib`, `include`), an installed Python package
 * (`site-packages/tensorflow`), or the `site-packages` around it.
 *
 * @throws {ConfigError} naming what is missing.
 */
export function findCLibrary(folder: string): CLibrary {
  const root = resolve(folder);
  for (const place of [root, join(root, "lib"), join(root, "tensorflow")]) {
    const names = existsSync(place) && statSync(place).isDirectory() && libraryNames(readdirSync(place));
    if (!names) continue;
    const candidates = [join(place, "include"), join(dirname(place), "include")];
    const include = candidates.find((each) => existsSync(join(each, NEEDED_HEADERS[0]))) ?? candidates[0]!;
    const missing = NEEDED_HEADERS.filter((header) => !existsSync(join(include, header)));
    if (missing.length > 0) {
      throw new ConfigError(
        `${root}: wanted TensorFlow's C headers beside ${names[0]}, ${include} has no ${missing.join(", ")}; use the folder of ` +
          "an installed Python package, or that of TensorFlow's C archive with its `include`",
      );
    }
    return {
      libraries: names.map((name) => join(place, name)),
      include,
      cudaLibraries: cudaLibrariesIn(join(dirname(place), "nvidia")),
    };
  }
  throw new ConfigError(
    `${root}: wanted a folder with TensorFlow's C library (libtensorflow_cc or libtensorflow, of version 2), found none in it, its ` +
      "`lib` or its `tensorflow`; pass a Python wheel of TensorFlow, `site-packages/tensorflow`, or the unpacked C archive",
  );
}

/** NVIDIA's libraries as its Python packages lay them out: `nvidia/PART/lib/libNAME.so.N`. */
function cudaLibrariesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).flatMap((part) => {
    const lib = join(folder, part, "lib");
    return existsSync(lib) ? readdirSync(lib).map((name) => join(lib, name)) : [];
  });
  return CUDA_LIBRARIES.flatMap((name) =>
    files.filter((file) => new RegExp(`^lib${name}\\.so\\.\\d+$`).test(basename(file))).slice(0, 1),
  );
}

/** SHA-256 over the names and contents of files. */
export async function digestOf(files: readonly string[], signal?: AbortSignal): Promise<string> {
  const digests: [string, string][] = [];
  for (const file of files) {
    const hash = createHash("sha256");
    for await (const part of createReadStream(file, { highWaterMark: 1 << 20, signal }))
      hash.update(part as Buffer);
    digests.push([basename(file), hash.digest("base64url")]);
  }
  return digestOfDigests(digests);
}

/** The same from the names and SHA-256 (base64url) of the files. */
export function digestOfDigests(digests: readonly (readonly [string, string])[]): string {
  const sorted = [...digests].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
}
