import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { samplesTogether } from "../grad/sample-pieces.ts";
import { underSamplesAtOnce } from "../engine/samples-at-once.ts";
import { useBackend } from "../engine/engine.ts";
import { webgpuBytes } from "../engine/webgpu-driver.ts";
import { BackendError, ConfigError, RunError } from "../errors.ts";
import { hashSyntheticSet } from "../synthetic/hash-set.ts";
import { startWebgpu } from "../testing/start-webgpu.ts";
import { toyDataset } from "../testing/toy-dataset.ts";
import { toyMethod } from "../testing/toy-method.ts";
import { checkDeviceMemory, withPlace } from "./check-device.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { distill } from "./distill.ts";

const dataset = toyDataset();
const config = { ipc: 2, iterations: 4 };
const forecast = { multiplyAddsPerStep: 1, peakBytes: 3 * 2 ** 20, setBytes: 1 };

it("asks nothing where the memory of the device is not known", async () => {
  await useBackend("cpu", { deviceMemory: 1 });
  expect(() => checkDeviceMemory("toy", () => forecast)).not.toThrow();
});

it("adds place and checkpoint to what a back end throws, and to nothing else", () => {
  const failing = (error: Error) => () =>
    withPlace("toy step 3 of 12", "; the checkpoint is kept", () => {
      throw error;
    });
  expect(failing(new BackendError("webgpu: gone; go on"))).toThrow(
    new BackendError("toy step 3 of 12: webgpu: gone; go on; the checkpoint is kept"),
  );
  expect(failing(new Error("OOM when allocating tensor with shape[256,128]\n [[Conv2D]]"))).toThrow(
    new BackendError(
      "toy step 3 of 12: memory ran out (OOM when allocating tensor with shape[256,128]); split batches with --samples-at-once (LIMBECK_SAMPLES_AT_ONCE), lower the batch or the images per class; the checkpoint is kept",
    ),
  );
  expect(failing(new RunError("toy: wrong"))).toThrow(new RunError("toy: wrong"));
});

const reason = await startWebgpu();

describe.skipIf(reason !== undefined)(`a run on WebGPU (${reason ?? "found"})`, () => {
  let directory: string;
  beforeEach(async () => {
    directory = join(fs.mkdtempSync(join(tmpdir(), "limbeck-device-")), "toy");
    await useBackend("webgpu");
    // The toy's tensors are so small that tfjs would compute them on the processor.
    tf.env().set("WEBGPU_CPU_FORWARD", false);
  });
  afterEach(() => {
    tf.env().set("WEBGPU_CPU_FORWARD", true);
    fs.rmSync(directory, { recursive: true, force: true });
  });
  const destroyDevice = (): void => {
    (tf.backend() as unknown as { device: { destroy(): void } }).device.destroy();
  };

  it("that loses its device keeps its checkpoint, and ends as if undisturbed when it is started again", async () => {
    const undisturbed = hashSyntheticSet(await distill(toyMethod, dataset, { config }).result);
    const run = distill(toyMethod, dataset, { config, directory, checkpointEvery: { steps: 1 } });
    const devicePeaks: (number | undefined)[] = [];
    const walk = async (): Promise<void> => {
      for await (const event of run) {
        if (event.kind === "step") devicePeaks.push(event.devicePeakBytes);
        if (event.kind === "checkpoint" && event.step === 2) destroyDevice();
      }
      await run.result;
    };
    const failure: unknown = await walk().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BackendError);
    expect((failure as Error).message).toMatch(
      /^toy step 2 of 4: webgpu: wanted .+, the device was lost \(.+\); start the same command again: a run goes on from its last checkpoint; the checkpoint of step 2 is kept in /,
    );
    await run.result.catch(() => undefined);
    expect(devicePeaks.every((bytes) => bytes !== undefined && bytes > 0)).toBe(true);
    expect(readCheckpoint(join(directory, "checkpoint"))?.step).toBe(2);
    await useBackend("webgpu");
    const again = await distill(toyMethod, dataset, { config, directory, resume: true }).result;
    expect(hashSyntheticSet(again)).toBe(undisturbed);
  });

  it("gives its idle memory back when it ends", async () => {
    await distill(toyMethod, dataset, { config }).result;
    const { used, allocated } = webgpuBytes()!;
    expect(allocated).toBe(used);
  });

  it("that would not fit is refused before anything is written", async () => {
    destroyDevice();
    expect(() => tf.tidy(() => tf.add(tf.ones([2000]), 1).dataSync())).toThrow(BackendError);
    await useBackend("webgpu", { deviceMemory: 2 ** 14 });
    const run = distill(toyMethod, dataset, { config, directory }).result;
    await expect(run).rejects.toThrow(ConfigError);
    await expect(run).rejects.toThrow(
      "toy: a step wants about 0.0 MiB on the device, 0.0 MiB may be used (LIMBECK_DEVICE_MEMORY); batches in smaller pieces (--samples-at-once) would not do; lower `realBatch`",
    );
    expect(fs.existsSync(directory)).toBe(false);
    // 300 images of 1 KiB.
    const divisible = () => ({
      ...forecast,
      peakBytes: 1024 * samplesTogether({ usesBatchStatistics: false }, 300),
    });
    expect(() => {
      checkDeviceMemory("toy", divisible);
    }).toThrow(
      "toy: a step wants about 0.3 MiB on the device, 0.0 MiB may be used (LIMBECK_DEVICE_MEMORY); --samples-at-once 16 (LIMBECK_SAMPLES_AT_ONCE) splits its batches, to about 0.0 MiB; or lower `realBatch`",
    );
    underSamplesAtOnce(16, () => {
      checkDeviceMemory("toy", divisible);
    });
  });
});
