import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { currentSetup, setupFolder } from "./setup-folder.ts";
import { checkRoom, removeTensorflowSetup, setupTensorflow, type SetupReport } from "./setup-tensorflow.ts";
import {
  compileLibrary,
  HAS_COMPILER,
  HEADERS,
  LIBRARY,
  stubLibrary,
  stubPackage,
  temporaryFolder,
  TSX,
  wheelMembers,
  writeWheel,
} from "./stub-tensorflow.test-support.ts";
import { installedTensorflowPackages, type TensorflowPackage } from "./tensorflow-package.ts";

/** Where a setup is tried: a package, an empty cache. */
interface Place {
  readonly root: string;
  readonly cache: string;
  readonly target: TensorflowPackage;
  setUp(from: string, signal?: AbortSignal): Promise<SetupReport>;
}

function place(): Place {
  const root = temporaryFolder();
  const cache = join(root, "cache");
  const target = stubPackage(join(root, "package"));
  const common = { cache, packages: [target], nodeArguments: TSX };
  const setUp = (from: string, signal?: AbortSignal): Promise<SetupReport> =>
    setupTensorflow({ ...common, from, ...(signal === undefined ? {} : { signal }) });
  return { root, cache, target, setUp };
}

function writeHeaders(folder: string): void {
  for (const [name, text] of Object.entries(HEADERS)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();

describe.skipIf(!HAS_COMPILER)("with a C++ compiler", () => {
  test("a wheel is set up in the cache, found again, kept by failures, and removed", async () => {
    const { root, cache, target, setUp } = place();
    const before = filesOf(target.folder);
    // What a process that was killed has left: no process has that number.
    const orphan = join(setupFolder(cache), `tfjs-node-gpu-4.22.0-0.${hostname()}-4194305.part`);
    mkdirSync(orphan, { recursive: true });
    const library = stubLibrary("9.9.9");
    const wheel = writeWheel(root, wheelMembers(library));

    const report = await setUp(wheel);
    expect(report).toMatchObject({
      package: "@tensorflow/tfjs-node-gpu 4.22.0",
      tensorflow: "9.9.9",
      gpu: false,
      source: wheel,
      reused: false,
    });
    expect(filesOf(target.folder)).toEqual(before);
    const installed = filesOf(setupFolder(cache));
    const entry = installed.find((name) => name.startsWith("tfjs"))!;
    expect(entry).toMatch(/^tfjs-node-gpu-4\.22\.0-[0-9a-f]{12}$/);
    expect(installed).toEqual(
      ["", "/lib", `/lib/${LIBRARY}`, "/setup.json", "/tfjs_binding.node"]
        .map((name) => entry + name)
        .concat("current.json")
        .sort(),
    );
    expect(currentSetup([target], cache)).toMatchObject({ kind: "ready", entry });

    expect(await setUp(wheel)).toEqual({ ...report, reused: true });

    const unusable = wheelMembers(stubLibrary("8.8.8"), {
      "tensorflow/include/tensorflow/c/c_api.h": "#error no\n",
    });
    await expect(setUp(writeWheel(root, unusable))).rejects.toThrow(
      /^setup tensorflow: wanted the binding of @tensorflow\/tfjs-node-gpu 4\.22\.0 built by c\+\+, it fails: .*error: #error no; a newer compiler/,
    );
    await expect(setUp(wheel, AbortSignal.abort())).rejects.toThrow(
      "setup tensorflow: stopped; what was set up before is still in force",
    );
    expect(filesOf(setupFolder(cache))).toEqual(installed);
    expect(currentSetup([target], cache)).toMatchObject({ kind: "ready", entry });

    // Another TensorFlow takes the place of the first.
    expect(await setUp(writeWheel(root, wheelMembers(stubLibrary("9.9.10"))))).toMatchObject({
      tensorflow: "9.9.10",
    });
    expect(readdirSync(setupFolder(cache))).toHaveLength(2);

    expect(removeTensorflowSetup(cache)).toBe(setupFolder(cache));
    expect(currentSetup([target], cache)).toEqual({ kind: "none" });
    expect(removeTensorflowSetup(cache)).toBeUndefined();
  }, 120_000);

  test("a library that does not load is told in its own words, and nothing is left", async () => {
    const { root, cache, target, setUp } = place();
    const path = join(root, LIBRARY);
    compileLibrary(path, 'extern "C" int TF_Renamed() { return 0; }\n');
    await expect(setUp(writeWheel(root, wheelMembers(readFileSync(path))))).rejects.toThrow(
      /^setup tensorflow: wanted @tensorflow\/tfjs-node-gpu to run on this TensorFlow, it does not: .*TF_Version.*; try another release/,
    );
    expect(readdirSync(setupFolder(cache))).toEqual([]);
    expect(currentSetup([target], cache)).toEqual({ kind: "none" });
  }, 60_000);

  test.skipIf(process.platform !== "linux")(
    "site-packages: used where it lies, with NVIDIA's libraries beside it; told when it changes",
    async () => {
      const { root, cache, target, setUp } = place();
      const packages = join(root, "site-packages");
      const library = join(packages, "tensorflow", LIBRARY);
      writeHeaders(join(packages, "tensorflow/include"));
      compileLibrary(join(packages, "nvidia/cuda_runtime/lib/libcudart.so.12"), "int cuda = 1;\n");
      // As TensorFlow does: opened by name, where no search path leads.
      compileLibrary(
        library,
        '#include <dlfcn.h>\nextern "C" const char* TF_Version() { return dlopen("libcudart.so.12", RTLD_LAZY) ? "9.9.9 cuda" : "9.9.9"; }\n',
      );
      const report = await setUp(join(packages, "tensorflow"));
      expect(report).toMatchObject({
        tensorflow: "9.9.9 cuda",
        cudaLibraries: [join(packages, "nvidia/cuda_runtime/lib/libcudart.so.12")],
      });
      expect(filesOf(report.folder)).toEqual(["setup.json", "tfjs_binding.node"]);
      // The folder around it is the same place.
      expect(await setUp(packages)).toMatchObject({ tensorflow: "9.9.9 cuda" });
      writeFileSync(library, "other");
      expect(currentSetup([target], cache)).toEqual({
        kind: "broken",
        reason: `${library}, with which TensorFlow was set up, is gone or was changed`,
      });
    },
    60_000,
  );

  test("a compiler that does not run", async () => {
    const { root, setUp } = place();
    const wheel = writeWheel(root, wheelMembers(stubLibrary("9.9.9")));
    const before = process.env["CXX"];
    process.env["CXX"] = "no-such-compiler";
    try {
      await expect(setUp(wheel)).rejects.toThrow(
        "setup tensorflow: wanted a C++ compiler, no-such-compiler (CXX) does not run; install one, such as with `apt-get install g++`, or set CXX",
      );
    } finally {
      if (before === undefined) delete process.env["CXX"];
      else process.env["CXX"] = before;
    }
  });
});

/** A real wheel, such as `tensorflow_cpu-…-manylinux….whl`; nothing is downloaded for tests. */
const REAL_WHEEL = process.env["LIMBECK_TENSORFLOW_WHEEL"];

test("the installed package on a real TensorFlow", async ({ skip }) => {
  if (!REAL_WHEEL) return skip("LIMBECK_TENSORFLOW_WHEEL names no wheel of TensorFlow");
  if (installedTensorflowPackages().length === 0) return skip("no tfjs-node is installed");
  const cache = temporaryFolder();
  const report = await setupTensorflow({ from: REAL_WHEEL, cache, nodeArguments: TSX });
  expect(report.tensorflow).toMatch(/^\d+\.\d+\.\d+/);
  expect(REAL_WHEEL).toContain(`-${report.tensorflow.split("-")[0]!}`);
  expect(currentSetup(installedTensorflowPackages(), cache).kind).toBe("ready");
}, 240_000);

test("no package, no source", async () => {
  const { root, target, cache, setUp } = place();
  await expect(setupTensorflow({ cache, packages: [], from: root })).rejects.toThrow(
    "setup tensorflow: wanted @tensorflow/tfjs-node-gpu or @tensorflow/tfjs-node, neither is installed; run " +
      "`npm install --ignore-scripts @tensorflow/tfjs-node-gpu` in the folder you work in",
  );
  await expect(setUp(join(root, "none.whl"))).rejects.toThrow(
    `setup tensorflow: --from: wanted a wheel, a folder or pip, ${join(root, "none.whl")} does not exist; run \`python3 -m pip install`,
  );
  expect(currentSetup([target], cache)).toEqual({ kind: "none" });
});

test("a setup for another version of the package, and one that is damaged, are told", () => {
  const { cache, target } = place();
  const folder = join(setupFolder(cache), "entry");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(setupFolder(cache), "current.json"), '{"format":1,"entry":"entry"}');
  expect(currentSetup([target], cache)).toEqual({
    kind: "broken",
    reason: `the TensorFlow that was set up in ${setupFolder(cache)} is damaged`,
  });
  const setup = {
    format: 1,
    package: { name: target.name, version: "4.21.0" },
    tensorflow: { version: "2", digest: "" },
    source: "",
    libraries: [],
    cudaLibraries: [],
  };
  writeFileSync(join(folder, "setup.json"), JSON.stringify(setup));
  expect(currentSetup([target], cache)).toEqual({
    kind: "broken",
    reason:
      "TensorFlow was set up for @tensorflow/tfjs-node-gpu 4.21.0, installed is @tensorflow/tfjs-node-gpu 4.22.0",
  });
  // A name that leads out of the folder.
  writeFileSync(join(setupFolder(cache), "current.json"), '{"format":1,"entry":"../.."}');
  expect(currentSetup([target], cache)).toMatchObject({ kind: "broken" });
});

test("a disk without room", () => {
  const root = temporaryFolder();
  expect(() => checkRoom(root, 2 ** 50)).toThrow(
    /wanted 1125899906842624 bytes for TensorFlow's libraries, the disk has \d+; free some space, or set LIMBECK_CACHE/,
  );
});
