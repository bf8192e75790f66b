import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { BackendError } from "../errors.ts";
import { startWebgpu } from "../testing/start-webgpu.ts";
import { useBackend } from "./engine.ts";
import { devicePeakBytes, releaseIdleMemory, resetPeakBytes } from "./memory.ts";
import { resolveOptional } from "./optional-package.ts";
import { resolveSettings } from "./settings.ts";
import { isSoftwareAdapter, missingLimits, webgpuBytes, webgpuDriver } from "./webgpu-driver.ts";
import type { GpuDevice } from "./webgpu/dawn.ts";
import { runProgram } from "./webgpu/run-program.ts";
import { hasGraphicsDriver } from "./webgpu/vulkan.ts";

test("adapters that compute on the processor are told from graphics cards", () => {
  expect(isSoftwareAdapter("google swiftshader SwiftShader Device (Subzero)")).toBe(true);
  expect(isSoftwareAdapter("mesa llvmpipe (LLVM 19.1.7, 256 bits)")).toBe(true);
  expect(isSoftwareAdapter("nvidia hopper NVIDIA H100 80GB HBM3")).toBe(false);
  expect(isSoftwareAdapter("apple metal-3 Apple M2")).toBe(false);
});

test("limits below what WebGPU promises are named", () => {
  const promised = {
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    maxComputeWorkgroupStorageSize: 16384,
    maxStorageBuffersPerShaderStage: 8,
  };
  expect(missingLimits(promised)).toEqual([]);
  expect(missingLimits({ ...promised, maxStorageBuffersPerShaderStage: 4 })).toEqual([
    "maxStorageBuffersPerShaderStage (8 wanted, 4 got)",
  ]);
  expect(missingLimits({})).toContain("maxComputeWorkgroupSizeX (256 wanted, nothing got)");
});

test("Linux has a Vulkan driver where its loader would find a manifest", () => {
  const nowhere = { HOME: "/nowhere", XDG_CONFIG_HOME: "/nowhere", XDG_DATA_HOME: "/nowhere" };
  expect(hasGraphicsDriver({ ...nowhere, VK_DRIVER_FILES: import.meta.filename }, "linux")).toBe(true);
  expect(hasGraphicsDriver({}, "darwin")).toBe(true);
  expect(hasGraphicsDriver({}, "win32")).toBe(true);
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

const reason = await startWebgpu();
// tfjs computes what is small and fresh on the processor otherwise.
if (reason === undefined) tf.env().set("WEBGPU_CPU_FORWARD", false);

describe.skipIf(reason !== undefined)(`on a device (${reason ?? "found"})`, () => {
  /** A tensor that lies on the device. */
  const onDevice = (values: number[]): tf.Tensor => tf.tidy(() => tf.add(tf.tensor1d(values), 0));
  const device = (): GpuDevice => (tf.backend() as unknown as { device: GpuDevice }).device;

  test("data is read synchronously, also while an asynchronous read is under way", async () => {
    const x = onDevice(Array.from({ length: 2000 }, (_, i) => i));
    const y = tf.tidy(() => tf.mul(x, 2));
    const later = y.data();
    expect(tf.tidy(() => tf.sum(x).dataSync()[0])).toBe(1999000);
    expect((await later)[1999]).toBe(3998);
    tf.dispose([x, y]);
  });

  test("sums and concatenations of more terms than a program may have arrays", () => {
    tf.tidy(() => {
      const terms = Array.from({ length: 40 }, (_, i) => onDevice([i, 1]));
      expect([...tf.addN(terms).dataSync()]).toEqual([780, 40]);
      expect([...tf.concat(terms).dataSync()]).toEqual(Array.from({ length: 40 }, (_, i) => [i, 1]).flat());
    });
  });

  test("programs that differ in what tfjs leaves out of their key", () => {
    tf.tidy(() => {
      for (const length of [3, 5]) {
        const ones = tf.add(tf.ones([2, length]), 0);
        const expected = Array.from({ length }, (_, i) => length - i);
        expect([...tf.cumsum(ones, 1, false, true).dataSync()]).toEqual([...expected, ...expected]);
      }
    });
  });

  test("a cast of booleans is float32 on the device too", () => {
    tf.tidy(() => {
      const x = tf.reshape(onDevice([1, -1, 2, -2, 3, 4]), [2, 3]);
      const positive = tf.transpose(tf.cast(tf.greater(x, 0), "float32"));
      const data = positive.dataSync();
      expect(data).toBeInstanceOf(Float32Array);
      expect([...data]).toEqual([1, 0, 0, 1, 1, 1]);
    });
  });

  test("a program that the device refuses throws where it runs, and the next one works", () => {
    const x = onDevice([1, 2]);
    const wrong = () =>
      runProgram(tf.backend(), {
        label: "Wrong",
        inputs: { x },
        uniforms: {},
        shape: [2],
        declarations: "",
        body: "  result[index] = nothing;",
      });
    expect(wrong).toThrow(BackendError);
    expect(wrong).toThrow(
      /^webgpu: wanted to run Wrong on ".+", the device refused it \(.+\); results on this/,
    );
    expect([...tf.tidy(() => tf.add(x, 1).dataSync())]).toEqual([2, 3]);
    x.dispose();
  });

  test("a tensor larger than the device takes is refused with advice", () => {
    const largest = device().limits["maxStorageBufferBindingSize"]!;
    const tooLarge = () => tf.tidy(() => tf.fill([largest / 4 + 1024], 1).dataSync());
    expect(tooLarge).toThrow(BackendError);
    expect(tooLarge).toThrow(
      /^webgpu: wanted a tensor of .+ MiB, the device's largest is .+ MiB; split batches with --samples-at-once .+, lower the batch/,
    );
  });

  test("memory is counted, kept for reuse and given back", () => {
    releaseIdleMemory();
    resetPeakBytes();
    const start = webgpuBytes()!;
    expect(start.allocated).toBe(start.used);
    const x = tf.tidy(() => tf.add(tf.fill([1 << 16], 2), 1));
    const y = tf.tidy(() => tf.add(x, 1));
    expect(y.dataSync()[7]).toBe(4);
    expect(devicePeakBytes()! - start.allocated).toBeGreaterThanOrEqual(2 * 4 * (1 << 16));
    tf.dispose([x, y]);
    expect(tf.memory()).toMatchObject({ numBytesInGPU: start.used });
    expect(webgpuBytes()!.allocated).toBeGreaterThan(start.allocated);
    releaseIdleMemory();
    expect(webgpuBytes()!.allocated).toBe(start.allocated);
  });

  test("a lost device throws at every read, and the next choice of the back end has a new one", async () => {
    const x = onDevice([1, 2, 3]);
    device().destroy();
    expect(() => tf.tidy(() => tf.add(x, 1).dataSync())).toThrow(BackendError);
    await expect(x.data()).rejects.toThrow(
      /^webgpu: wanted .+ on ".+", the device was lost \(.+\); start the same command again: a run goes on from its last/,
    );
    expect((await useBackend("webgpu")).backend).toBe("webgpu");
    expect([...tf.tidy(() => tf.add(tf.ones([2]), 1).dataSync())]).toEqual([2, 2]);
  });
});

describe.skipIf(reason !== undefined)("with a bound on its memory", () => {
  test("more is refused with advice", async () => {
    (tf.backend() as unknown as { device: GpuDevice }).device.destroy();
    expect(() => tf.tidy(() => tf.add(tf.ones([2]), 1).dataSync())).toThrow("the device was lost");
    const info = await useBackend("webgpu", { deviceMemory: 2 ** 20 });
    expect(info.deviceMemory).toBe(2 ** 20);
    const tooMuch = () => tf.tidy(() => tf.fill([2 ** 18 + 1], 1).dataSync());
    expect(tooMuch).toThrow(BackendError);
    expect(tooMuch).toThrow(
      /^webgpu: wanted 1\.0 MiB more, .+ of the allowed 1\.0 MiB \(LIMBECK_DEVICE_MEMORY\) are in use; split batches with --samples-at-once/,
    );
  });
});
