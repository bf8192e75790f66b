import { expect, test } from "vitest";
import { resolveOptional } from "./optional-package.ts";
import { resolveSettings } from "./settings.ts";
import { isSoftwareAdapter, webgpuDriver } from "./webgpu-driver.ts";

test("adapters that compute on the processor are told from graphics cards", () => {
  expect(isSoftwareAdapter("google swiftshader SwiftShader Device (Subzero)")).toBe(true);
  expect(isSoftwareAdapter("mesa llvmpipe (LLVM 19.1.7, 256 bits)")).toBe(true);
  expect(isSoftwareAdapter("nvidia hopper NVIDIA H100 80GB HBM3")).toBe(false);
  expect(isSoftwareAdapter("apple metal-3 Apple M2")).toBe(false);
});

test("without the two packages it says which are missing and how to get them", async ({ skip }) => {
  const missing = ["webgpu", "@tensorflow/tfjs-backend-webgpu"].filter(
    (name) => resolveOptional(name) === undefined,
  );
  if (missing.length === 0) return skip("both packages are installed");
  expect(await webgpuDriver.probe(resolveSettings("auto", {}, {}))).toEqual({
    available: false,
    reason: `not installed: ${missing.join(", ")}`,
    fix: `run \`npm install ${missing.join(" ")}\` in the folder you work in`,
  });
});
