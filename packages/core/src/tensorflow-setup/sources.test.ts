import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { expect, test } from "vitest";
import { findCLibrary, libraryNames } from "./c-library.ts";
import { pythonTensorflowFolder } from "./python-tensorflow.ts";
import {
  LIBRARY,
  PLATFORM_TAG,
  temporaryFolder,
  wheelMembers,
  writeWheel,
} from "./stub-tensorflow.test-support.ts";
import { extractWheel, openWheel } from "./wheel.ts";

const CONTENT = strToU8("a library");
const INFO = "tensorflow-9.9.9.dist-info";

test("a wheel's libraries and headers are found and unpacked; what is not needed stays", async () => {
  const root = temporaryFolder();
  const members = wheelMembers(CONTENT, {
    "tensorflow/include/tsl/platform/with,comma.h": "",
    "tensorflow/include/google/protobuf/any.h": "not needed",
    "tensorflow/python/__init__.py": "not needed",
  });
  // RECORD quotes names with commas.
  const record = Buffer.from(members[`${INFO}/RECORD`] as Uint8Array).toString();
  members[`${INFO}/RECORD`] = strToU8(record.replace(/^(.*with,comma\.h),sha/m, '"$1",sha'));
  const wheel = await openWheel(writeWheel(root, members));
  expect(wheel).toMatchObject({ name: "tensorflow", version: "9.9.9", libraries: [LIBRARY] });
  expect(wheel.members.map(({ target }) => target)).toEqual([
    `lib/${LIBRARY}`,
    "include/tensorflow/c/c_api.h",
    "include/tensorflow/c/eager/c_api.h",
    "include/tensorflow/core/platform/ctstring_internal.h",
    "include/tsl/platform/with,comma.h",
  ]);
  await extractWheel(wheel, join(root, "out"));
  expect(readFileSync(join(root, "out/lib", LIBRARY), "utf8")).toBe("a library");
});

const record = (name: string): string => `${name},sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n`;

test.each([
  [
    "another platform",
    wheelMembers(CONTENT, { [`${INFO}/WHEEL`]: "Tag: cp311-cp311-win_amd64\nTag: cp311-cp311-win_arm64\n" }),
    `wanted a wheel for ${process.platform} ${process.arch}, got one for win_amd64, win_arm64; fetch the one of this machine`,
  ],
  [
    "another C library of Linux",
    wheelMembers(CONTENT, {
      [`${INFO}/WHEEL`]: `Tag: cp311-cp311-musllinux_1_2_${process.arch === "x64" ? "x86_64" : "aarch64"}\n`,
    }),
    "got one for musllinux_1_2_",
  ],
  [
    "no headers",
    wheelMembers(CONTENT, { "tensorflow/include/tensorflow/c/eager/c_api.h": undefined }),
    "it has no headers: tensorflow/c/eager/c_api.h missing",
  ],
  ["no list", { "tensorflow/x": CONTENT }, "it has no .dist-info/RECORD"],
  [
    "another package",
    {
      "numpy-2.0.0.dist-info/RECORD": strToU8(""),
      "numpy-2.0.0.dist-info/WHEEL": strToU8(`Tag: py3-none-${PLATFORM_TAG}\n`),
    },
    "numpy 2.0.0 has no libtensorflow_cc",
  ],
  [
    "a library that its list does not know",
    { ...wheelMembers(CONTENT), [`${INFO}/RECORD`]: strToU8(record("other")) },
    "its RECORD has no SHA-256 of tensorflow/",
  ],
  [
    "names that leave the folder",
    { ...wheelMembers(CONTENT), "../evil": CONTENT },
    "invalid relative path: ../evil",
  ],
  ["absolute names", { ...wheelMembers(CONTENT), "/evil": CONTENT }, "absolute path: /evil"],
])("a wheel with %s is refused", async (_, members, message) => {
  const path = writeWheel(temporaryFolder(), members);
  await expect(openWheel(path)).rejects.toThrow(message);
  await expect(openWheel(path)).rejects.toThrow(
    new RegExp(`^${path.replaceAll(".", "\\.")}: wanted a .*; fetch .*pip download`),
  );
});

test("a wheel that is cut short, is no zip file, or holds other bytes than it says", async () => {
  const root = temporaryFolder();
  const whole = zipSync(wheelMembers(new Uint8Array(5000).map((_, i) => (i * i) % 251)));
  const path = join(root, "x.whl");
  writeFileSync(path, whole.subarray(0, whole.length / 2));
  await expect(openWheel(path)).rejects.toThrow(
    /got a file that is none or is damaged: End of central directory/,
  );
  writeFileSync(path, "<html>not found</html>");
  await expect(openWheel(path)).rejects.toThrow(/is none or is damaged: End of central directory/);

  const changed = wheelMembers(CONTENT);
  changed[`tensorflow/${LIBRARY}`] = strToU8("a Library");
  writeFileSync(path, zipSync(changed));
  await expect(extractWheel(await openWheel(path), join(root, "out"))).rejects.toThrow(
    `tensorflow/${LIBRARY} is not what its RECORD says (SHA-256)`,
  );
});

test("a wheel whose list promises more bytes than a library can have, or other than it holds", async () => {
  const root = temporaryFolder();
  const path = join(root, "x.whl");
  const members = wheelMembers(CONTENT);
  for (const [size, message] of [
    [0xfffffff0, "too many bytes|not enough bytes|would be 4294967280 bytes"],
    [3, "too many bytes"],
  ] as const) {
    const zip = Buffer.from(zipSync(members));
    patchSize(zip, `tensorflow/${LIBRARY}`, size);
    writeFileSync(path, zip);
    const reading = openWheel(path).then((wheel) => extractWheel(wheel, join(root, String(size))));
    await expect(reading).rejects.toThrow(new RegExp(message));
  }
  const header = "tensorflow/include/tensorflow/c/c_api.h";
  const zip = Buffer.from(zipSync(members));
  patchSize(zip, header, 2 ** 31);
  writeFileSync(path, zip);
  await expect(openWheel(path)).rejects.toThrow(
    `${header} would be ${2 ** 31} bytes, more than ${16 * 2 ** 20}`,
  );
});

/** Changes the unpacked size that the zip's central directory gives for a member. */
function patchSize(zip: Buffer, name: string, size: number): void {
  // The last mention of the name is the directory's; its record begins 46 bytes before, the size is at 24.
  const at = zip.lastIndexOf(name) - 46;
  expect(zip.readUInt32LE(at)).toBe(0x02014b50);
  zip.writeUInt32LE(size, at + 24);
}

test("names of the C library", () => {
  expect(libraryNames(["libtensorflow_framework.so.2", "libtensorflow_cc.so.2", "x.py"])).toEqual([
    "libtensorflow_cc.so.2",
    "libtensorflow_framework.so.2",
  ]);
  expect(libraryNames(["libtensorflow.so", "libtensorflow.so.2", "libtensorflow.so.2.18.0"])).toEqual([
    "libtensorflow.so.2",
  ]);
  expect(libraryNames(["libtensorflow_cc.2.dylib"])).toEqual(["libtensorflow_cc.2.dylib"]);
  expect(libraryNames(["libtensorflow_framework.so.2", "libtensorflowlite.so"])).toBeUndefined();
});

test("a folder without the library, or without its headers", () => {
  const root = temporaryFolder();
  expect(() => findCLibrary(root)).toThrow(
    `${root}: wanted a folder with TensorFlow's C library (libtensorflow_cc or libtensorflow, of version 2), found none in it`,
  );
  mkdirSync(join(root, "lib"));
  writeFileSync(join(root, "lib", "libtensorflow.so.2"), "");
  expect(() => findCLibrary(root)).toThrow(
    `${root}: wanted TensorFlow's C headers beside libtensorflow.so.2, ${join(root, "lib", "include")} has no tensorflow/c/c_api.h, `,
  );
  for (const name of [
    "tensorflow/c/eager/c_api.h",
    "tensorflow/c/c_api.h",
    "tensorflow/core/platform/ctstring_internal.h",
  ]) {
    mkdirSync(join(root, "include", name, ".."), { recursive: true });
    writeFileSync(join(root, "include", name), "");
  }
  expect(findCLibrary(root)).toEqual({
    libraries: [join(root, "lib", "libtensorflow.so.2")],
    include: join(root, "include"),
    cudaLibraries: [],
  });
});

test("the TensorFlow that Python has: none, no Python, a folder", async () => {
  const root = temporaryFolder();
  const python = (name: string, script: string): string => {
    const path = join(root, name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const without = python("without", "echo");
  await expect(pythonTensorflowFolder(without)).rejects.toThrow(
    `setup tensorflow: wanted the TensorFlow that ${without} has installed, it has none; run \`python3 -m pip install "tensorflow[and-cuda]"\` ` +
      "(NVIDIA cards) or `python3 -m pip install tensorflow-cpu`, then `limbeck setup tensorflow`; or fetch a wheel with",
  );
  await expect(pythonTensorflowFolder(join(root, "none"))).rejects.toThrow(
    "there is no such program; set LIMBECK_PYTHON",
  );
  await expect(pythonTensorflowFolder(python("bad", "exit 3"))).rejects.toThrow(
    "it fails; set LIMBECK_PYTHON",
  );
  expect(await pythonTensorflowFolder(python("with", "echo /site-packages/tensorflow"))).toBe(
    "/site-packages/tensorflow",
  );
});
