import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { strToU8, zipSync, type Zippable } from "fflate";
import { onTestFinished } from "vitest";
import type { TensorflowPackage } from "./tensorflow-package.ts";

/** A small TensorFlow and a small npm package with a real compiled binding, to take the whole path without either. */

const require = createRequire(import.meta.url);

export const TSX = ["--import", import.meta.resolve("tsx")];
const COMPILER = process.env["CXX"] || "c++";
export const HAS_COMPILER = ((): boolean => {
  try {
    execFileSync(COMPILER, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

const TAGS: Readonly<Record<string, string>> = {
  "linux-x64": "manylinux_2_27_x86_64",
  "linux-arm64": "manylinux2014_aarch64",
  "darwin-x64": "macosx_12_0_x86_64",
  "darwin-arm64": "macosx_12_0_arm64",
};
export const PLATFORM_TAG = TAGS[`${process.platform}-${process.arch}`] ?? "any";
export const LIBRARY = process.platform === "darwin" ? "libtensorflow_cc.2.dylib" : "libtensorflow_cc.so.2";

export const HEADERS: Readonly<Record<string, string>> = {
  "tensorflow/c/c_api.h": 'extern "C" const char* TF_Version();\n',
  "tensorflow/c/eager/c_api.h": "",
  "tensorflow/core/platform/ctstring_internal.h": "",
};

/** A fresh folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "limbeck-setup-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Compiles a shared library. */
export function compileLibrary(path: string, source: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = `${path}.cc`;
  writeFileSync(file, source);
  const named = process.platform === "darwin" ? [] : [`-Wl,-soname,${path.split("/").at(-1)!}`];
  execFileSync(COMPILER, ["-shared", "-fPIC", "-o", path, file, ...named, "-ldl"]);
  rmSync(file);
}

/** A library whose `TF_Version` answers `version`. */
export function stubLibrary(version: string): Buffer {
  const path = join(temporaryFolder(), LIBRARY);
  compileLibrary(path, `extern "C" const char* TF_Version() { return "${version}"; }\n`);
  return readFileSync(path);
}

/** Members of a wheel of TensorFlow; `undefined` leaves one out. */
export function wheelMembers(
  library: Uint8Array,
  changes: Readonly<Record<string, string | undefined>> = {},
): Zippable {
  const texts: Record<string, string | undefined> = {
    "tensorflow-9.9.9.dist-info/WHEEL": `Wheel-Version: 1.0\nTag: cp39-cp39-${PLATFORM_TAG}\n`,
    ...Object.fromEntries(
      Object.entries(HEADERS).map(([name, text]) => [`tensorflow/include/${name}`, text]),
    ),
    ...changes,
  };
  const members: Record<string, Uint8Array> = { [`tensorflow/${LIBRARY}`]: library };
  for (const [name, text] of Object.entries(texts)) if (text !== undefined) members[name] = strToU8(text);
  const record = Object.entries(members).map(([name, data]) => {
    const sum = createHash("sha256").update(data).digest("base64url");
    return `${name},sha256=${sum},${data.length}`;
  });
  return { "tensorflow-9.9.9.dist-info/RECORD": strToU8(`${record.join("\n")}\n`), ...members };
}

export function writeWheel(folder: string, members: Zippable): string {
  const path = join(folder, `tensorflow-9.9.9-cp39-cp39-${PLATFORM_TAG}.whl`);
  writeFileSync(path, zipSync(members));
  return path;
}

/** A package whose binding asks the library for its version, and whose kernels are those of plain JavaScript. */
export function stubPackage(folder: string, version = "4.22.0"): TensorflowPackage {
  const files: Readonly<Record<string, string>> = {
    "package.json": JSON.stringify({ name: "@tensorflow/tfjs-node-gpu", version }),
    "node_modules/@mapbox/node-pre-gyp/index.js":
      'exports.find = () => { throw new Error("The Node.js native addon module (tfjs_binding.node) can not be found"); };',
    "dist/index.js": `
const tf = require(${JSON.stringify(require.resolve("@tensorflow/tfjs-core"))});
const { MathBackendCPU } = require(${JSON.stringify(require.resolve("@tensorflow/tfjs-backend-cpu"))});
const bindings = require(require("@mapbox/node-pre-gyp").find(require("path").join(__dirname, "../package.json")));
const util = require("util");
if (util.isNullOrUndefined(0) || !util.isArray([])) throw new Error("util");
tf.copyRegisteredKernels("cpu", "tensorflow");
class Backend extends MathBackendCPU {
  isUsingGpuDevice = false;
  binding = { TF_Version: bindings.version };
}
tf.registerBackend("tensorflow", () => new Backend());
tf.setBackend("tensorflow");
`,
    "binding/tfjs_backend.cc": '#include "tensorflow/c/eager/c_api.h"\n',
    "binding/tfjs_binding.cc": `
#include <node_api.h>
#include "tensorflow/c/c_api.h"
static napi_value Init(napi_env env, napi_value exports) {
  napi_value version;
  napi_create_string_utf8(env, TF_Version(), NAPI_AUTO_LENGTH, &version);
  napi_set_named_property(env, exports, "version", version);
  return exports;
}
NAPI_MODULE(tfjs_binding, Init)
`,
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return { name: "@tensorflow/tfjs-node-gpu", version, folder, entry: join(folder, "dist/index.js") };
}
