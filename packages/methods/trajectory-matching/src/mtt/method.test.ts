import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { distill, forecastRun, InterruptedError, useBackend, type RunEvent } from "@limbeck/core";
import { testMethod } from "@limbeck/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toy, toyConfig } from "../shared/testing/toy-config.ts";
import { mtt } from "./method.ts";

testMethod(mtt, { dataset: toy, config: toyConfig });

describe("mtt", () => {
  let folder: string;
  beforeEach(async () => {
    await useBackend("cpu");
    folder = mkdtempSync(join(tmpdir(), "limbeck-mtt-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const config = { ...toyConfig, iterations: 3 };
  const states = (events: readonly RunEvent[]): string[] =>
    events.flatMap((event) => (event.kind === "prepare" ? [`${event.name}: ${event.state}`] : []));

  it("stopped while experts train, goes on after the last whole epoch, to the same bits", async () => {
    const whole = await distill(mtt, toy, { config }).result;
    const controller = new AbortController();
    const stopped = distill(mtt, toy, { config, directory: join(folder, "run"), signal: controller.signal });
    for await (const event of stopped) {
      if (event.kind === "prepare" && event.name === "expert 0, epoch 2") controller.abort();
    }
    await expect(stopped.result).rejects.toThrow(InterruptedError);
    const events: RunEvent[] = [];
    const resumed = distill(mtt, toy, { config, directory: join(folder, "run"), resume: true });
    for await (const event of resumed) events.push(event);
    expect(states(events).slice(0, 2)).toEqual(["expert 0, epoch 0: found", "expert 0, epoch 1: found"]);
    expect(states(events).at(-1)).toBe("expert 1, epoch 2: made");
    expect((await resumed.result).images).toEqual(whole.images);
  });

  it("makes only what a second run with more experts lacks, and refuses a damaged snapshot by its file", async () => {
    await distill(mtt, toy, { config: { ...config, experts: 1 }, directory: join(folder, "a") }).result;
    const cache = join(folder, "prepared");
    expect(readdirSync(cache)).toHaveLength(3);
    await distill(mtt, toy, { config, seed: 1, directory: join(folder, "b") }).result;
    expect(readdirSync(cache)).toHaveLength(6);
    const path = join(cache, readdirSync(cache)[0]!);
    writeFileSync(path, readFileSync(path).subarray(0, -4));
    await expect(distill(mtt, toy, { config, directory: join(folder, "c") }).result).rejects.toThrow(
      `delete ${path}, and it is made again`,
    );
  });

  it("tells the cost of its experts before they are made, and refuses too few epochs", async () => {
    const { preparation } = forecastRun(mtt, toy, { config });
    expect(preparation).toMatchObject({ parts: 6 });
    expect(preparation!.bytes).toBeGreaterThan(0);
    expect(preparation!.multiplyAdds).toBeGreaterThan(0);
    expect(() => forecastRun(mtt, toy, { config: { ...config, expertEpochs: 1 } })).toThrow(
      "config: segments of 1 epochs that start before epoch 2 reach epoch 2, but the experts have 1; raise expertEpochs or lower maxStartEpoch",
    );
  });

  it("learns with mini-batches, mirror images, decoded images and augmentation", async () => {
    const change = {
      ipc: 2,
      syntheticBatch: 3,
      flipEmbedding: true,
      factor: 2,
      augmentation: "auto",
    } as const;
    const set = await distill(mtt, toy, { config: { ...config, ...change } }).result;
    expect(set.factor).toBe(2);
    expect(set.augmentation).toBe("color_crop_cutout_flip_scale_rotate");
    expect(set.stepSize).not.toBe(toyConfig.stepSize);
    expect(set.images.every(Number.isFinite)).toBe(true);
  });
});
