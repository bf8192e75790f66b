import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readSet } from "../artifact/read-set.ts";
import { whitenedDataset } from "../dataset/zca.ts";
import { useBackend } from "../engine/engine.ts";
import { ConfigError, DataError, InterruptedError, RunError } from "../errors.ts";
import { hashSyntheticSet } from "../synthetic/hash-set.ts";
import { toyDataset } from "../testing/toy-dataset.ts";
import { toyMethod } from "../testing/toy-method.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { distill, type Run } from "./distill.ts";
import type { RunEvent } from "./events.ts";
import { keptSetPath, readRun } from "./run-folder.ts";

const dataset = toyDataset();
const config = { ipc: 2, iterations: 12 };
let root: string;
let directory: string;
let undisturbed: string;

beforeAll(async () => {
  await useBackend("cpu");
  undisturbed = hashSyntheticSet(await distill(toyMethod, dataset, { config }).result);
});
let tensors: number;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "limbeck-distill-"));
  directory = join(root, "runs", "toy");
  tensors = tf.memory().numTensors;
});
afterEach(() => {
  fs.rmSync(root, { recursive: true });
  expect(tf.memory().numTensors).toBe(tensors);
});

async function eventsOf(run: Run): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

/** `step 3` for events of steps, the kind and step for others. */
function story(events: readonly RunEvent[]): string {
  return events.map(({ kind, step }) => `${kind} ${step}`).join(", ");
}

describe("distill", () => {
  it("tells its events in order and ends with the set", async () => {
    const run = distill(toyMethod, dataset, { ipc: 1, config: { iterations: 3 }, seed: 5 });
    const events = await eventsOf(run);
    expect(story(events)).toBe("start 0, step 1, step 2, step 3, done 3");
    expect(events[0]).toMatchObject({ steps: 3, forecast: { setBytes: 3 * 8 * 8 * 3 * 4 } });
    const set = await run.result;
    expect(set).toMatchObject({ size: 3, shape: [8, 8, 3], augmentation: "none" });
    expect(set.provenance).toMatchObject({
      method: "toy",
      dataset: "toy",
      datasetSha256: dataset.sha256,
      ipc: 1,
      config: { ipc: 1, iterations: 3, learningRate: 0.2, momentum: 0.5, realBatch: 4 },
      seed: 5,
      iterations: 3,
      backend: "cpu",
      precision: "highest",
      cite: toyMethod.cite,
    });
  });

  it("does nothing before it is asked, and works without a loop", async () => {
    const run = distill(toyMethod, dataset, { config, directory });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fs.existsSync(directory)).toBe(false);
    expect(hashSyntheticSet(await run.result)).toBe(undisturbed);
    expect(await run.result).toBe(await run.result);
  });

  it("goes on by itself when the loop waits and the result is asked for", async () => {
    const run = distill(toyMethod, dataset, { config });
    const reader = run[Symbol.asyncIterator]();
    await reader.next();
    expect(hashSyntheticSet(await run.result)).toBe(undisturbed);
    expect((await reader.next()).value).toMatchObject({ kind: "step", step: 1 });
  });

  it("fills the run folder", async () => {
    const set = await distill(toyMethod, dataset, { config, directory, checkpointEvery: { steps: 5 } })
      .result;
    expect(fs.readdirSync(directory).sort()).toEqual([
      "checkpoint",
      "config.json",
      "events.jsonl",
      "preview.png",
      "set.arrow",
    ]);
    expect(readSet(join(directory, "set.arrow"))).toEqual(set);
    const { config: stored, events, finished } = readRun(directory);
    expect(finished).toBe(true);
    expect(story(events)).toBe(
      "start 0, step 1, step 2, step 3, step 4, step 5, checkpoint 5, step 6, step 7, step 8, step 9, step 10, " +
        "checkpoint 10, step 11, step 12, checkpoint 12, done 12",
    );
    expect(stored).toMatchObject({
      method: "toy",
      dataset: { name: "toy", sha256: dataset.sha256 },
      config: { ipc: 2, iterations: 12, learningRate: 0.2, momentum: 0.5, realBatch: 4 },
      seed: 0,
      steps: 12,
      backend: "cpu",
      precision: "highest",
      versions: { limbeck: "0.1.0", node: process.versions.node, tfjs: tf.version_core },
    });
    expect(stored.threads).toBeGreaterThan(0);
  });

  it("writes the preview on the way when asked", async () => {
    const run = distill(toyMethod, dataset, { config, directory, previewEvery: 4 });
    const seen: number[] = [];
    for await (const event of run) {
      if (event.kind === "step" && fs.existsSync(join(directory, "preview.png"))) seen.push(event.step);
    }
    expect(seen).toEqual([5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it("keeps the set as it stood, and becomes the same set as without", async () => {
    const run = distill(toyMethod, dataset, { config, directory, keepEvery: 5 });
    const shorter = distill(toyMethod, dataset, { config, directory: join(directory, "shorter") });
    for await (const event of run) void event;
    expect(fs.readdirSync(join(directory, "sets"))).toEqual(["step-000005.arrow", "step-000010.arrow"]);
    const half = readSet(keptSetPath(directory, 5));
    const set = await run.result;
    expect(half.provenance).toEqual({ ...set.provenance, iterations: 5 });
    expect(half.images).not.toEqual(set.images);
    expect((await shorter.result).images).toEqual(set.images);
  });
});

describe("an interrupted run", () => {
  it.each([1, 5, 11])("saved at step %i by its signal ends, resumed, with the same bits", async (last) => {
    const controller = new AbortController();
    const first = distill(toyMethod, dataset, { config, directory, signal: controller.signal });
    const events: RunEvent[] = [];
    for await (const event of first) {
      events.push(event);
      if (event.kind === "step" && event.step === last) controller.abort();
    }
    expect(story(events.slice(-3))).toBe(`step ${last}, checkpoint ${last}, interrupted ${last}`);
    expect(events.at(-1)).toMatchObject({ resume: directory });
    await expect(first.result).rejects.toThrow(
      new InterruptedError(
        `toy step ${last} of 12: interrupted; its checkpoint is in ${directory}; resume it to go on`,
      ),
    );
    expect(fs.existsSync(join(directory, "set.arrow"))).toBe(false);
    const second = distill(toyMethod, dataset, { config, directory, resume: true });
    const rest = await eventsOf(second);
    expect(story(rest.slice(0, 2))).toBe(`start ${last}, step ${last + 1}`);
    expect(hashSyntheticSet(await second.result)).toBe(undisturbed);
  });

  it("may be left by its loop, and its folder is free at once", async () => {
    const first = distill(toyMethod, dataset, { config, directory });
    for await (const event of first) if (event.step === 3) break;
    await expect(first.result).rejects.toThrow(InterruptedError);
    expect(readCheckpoint(join(directory, "checkpoint"))?.step).toBe(3);
    const second = distill(toyMethod, dataset, { config, directory, resume: true });
    expect(hashSyntheticSet(await second.result)).toBe(undisturbed);
  });

  it("without a folder says that it cannot be resumed", async () => {
    const run = distill(toyMethod, dataset, { config, signal: AbortSignal.abort() });
    await expect(run.result).rejects.toThrow(
      new InterruptedError("toy step 0 of 12: interrupted; it had no run folder, so it cannot be resumed"),
    );
  });

  it("adds up its seconds and keeps one history", async () => {
    const first = distill(toyMethod, dataset, { config, directory });
    for await (const event of first) if (event.step === 7) break;
    const second = distill(toyMethod, dataset, { config, directory, resume: true });
    const done = (await eventsOf(second)).at(-1);
    const { events } = readRun(directory);
    const steps = events.flatMap((event) => (event.kind === "step" ? [event] : []));
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const sum = steps.reduce((seconds, event) => seconds + event.seconds, 0);
    expect(done?.kind === "done" && done.seconds).toBeCloseTo(sum, 9);
  });
});

describe("a run folder that is there already", () => {
  it("with a finished run gives the set back without work", async () => {
    const set = await distill(toyMethod, dataset, { config, directory }).result;
    const before = fs.readFileSync(join(directory, "events.jsonl"));
    const again = distill(toyMethod, dataset, { config, directory, resume: true });
    const events = await eventsOf(again);
    expect(story(events)).toBe("done 12");
    expect(events[0]?.kind === "done" && events[0].seconds).toBeGreaterThan(0);
    expect(await again.result).toEqual(set);
    expect(fs.readFileSync(join(directory, "events.jsonl"))).toEqual(before);
  });

  it("is refused unless the run is to be resumed", async () => {
    await distill(toyMethod, dataset, { config, directory }).result;
    await expect(distill(toyMethod, dataset, { config, directory }).result).rejects.toThrow(
      new RunError(`${directory}: already holds a finished run of toy; resume it or choose another folder`),
    );
  });

  it("with another run names every key that differs", async () => {
    const first = distill(toyMethod, dataset, { config, directory });
    for await (const event of first) if (event.step === 2) break;
    const other = distill(toyMethod, dataset, {
      config: { ...config, learningRate: 0.25 },
      seed: 1,
      directory,
      resume: true,
    });
    await expect(other.result).rejects.toThrow(
      new RunError(
        `${directory}: holds a run that differs in config.learningRate (0.2 there, 0.25 here), ` +
          `seed (0 there, 1 here); resume it with its own values or choose another folder`,
      ),
    );
    const otherData = distill(toyMethod, toyDataset({ seed: 1 }), { config, directory, resume: true });
    await expect(otherData.result).rejects.toThrow(/holds a run that differs in dataset.sha256 \(/);
    const whitened = distill(toyMethod, await whitenedDataset(dataset), { config, directory, resume: true });
    await expect(whitened.result).rejects.toThrow(
      /holds a run that differs in dataset.normalisation \(unset there, "zca-[0-9a-f]{8}" here\)/,
    );
    try {
      await useBackend("cpu", { samplesAtOnce: 2 });
      const split = distill(toyMethod, dataset, { config, directory, resume: true });
      await expect(split.result).rejects.toThrow("a run that differs in samplesAtOnce (unset there, 2 here)");
    } finally {
      await useBackend("cpu");
    }
    expect(fs.readdirSync(directory)).not.toContain("run.lock");
  });

  it("with no run in it is used, also by resume", async () => {
    fs.mkdirSync(directory, { recursive: true });
    fs.writeFileSync(join(directory, "notes.txt"), "mine");
    const run = distill(toyMethod, dataset, { config, directory, resume: true });
    expect(hashSyntheticSet(await run.result)).toBe(undisturbed);
    expect(fs.readFileSync(join(directory, "notes.txt"), "utf8")).toBe("mine");
  });

  it("with parts of a run but no configuration is left alone", async () => {
    fs.mkdirSync(join(directory, "checkpoint"), { recursive: true });
    await expect(distill(toyMethod, dataset, { config, directory }).result).rejects.toThrow(
      new RunError(
        `${directory}: has ${join(directory, "checkpoint")} but no config.json, so it is no run; choose another folder`,
      ),
    );
  });

  it("that another run writes is refused", async () => {
    const first = distill(toyMethod, dataset, { config, directory });
    for await (const event of first) {
      if (event.step !== 1) continue;
      await expect(distill(toyMethod, dataset, { config, directory, resume: true }).result).rejects.toThrow(
        `${directory}: another run of this process (${process.pid}) is writing this run folder`,
      );
    }
    expect(hashSyntheticSet(await first.result)).toBe(undisturbed);
  });

  it("with a damaged configuration or set is named", async () => {
    await distill(toyMethod, dataset, { config, directory }).result;
    const resumed = () => distill(toyMethod, dataset, { config, directory, resume: true }).result;
    fs.truncateSync(join(directory, "set.arrow"), 100);
    await expect(resumed()).rejects.toThrow(/set.arrow: the file is truncated at 100 bytes/);
    const path = join(directory, "config.json");
    const text = fs.readFileSync(path, "utf8");
    fs.writeFileSync(path, text.replace('"format": 1', '"format": 2'));
    await expect(resumed()).rejects.toThrow(
      new DataError(`${path}: the run has format 2, this version reads up to 1; update Limbeck`),
    );
    fs.writeFileSync(path, text.replace('"seed": 0', '"seed": "0"'));
    await expect(resumed()).rejects.toThrow(/config.json: not the configuration of a run: seed: /);
    fs.writeFileSync(path, text.slice(0, 50));
    await expect(resumed()).rejects.toThrow(/config.json: cannot be read as a run's configuration: /);
  });
});

describe("a run that goes wrong", () => {
  it("stops at the step whose term is not finite, and keeps the last good checkpoint", async () => {
    const run = distill(withStep(4, { terms: { mean: 1, attention: NaN } }), dataset, {
      config,
      directory,
      checkpointEvery: { steps: 2 },
    });
    const events: RunEvent[] = [];
    const read = async () => {
      for await (const event of run) events.push(event);
    };
    const message =
      `toy step 5 of 12: term "attention" of the loss is not finite, got NaN; start again with a lower learning rate, ` +
      `or look for a division by zero; the checkpoint of step 4 is kept in ${join(directory, "checkpoint")}`;
    await expect(read()).rejects.toThrow(new RunError(message));
    await expect(run.result).rejects.toThrow(new RunError(message));
    expect(story(events.slice(-2))).toBe("step 4, checkpoint 4");
    const resumed = distill(toyMethod, dataset, { config, directory, resume: true });
    expect(hashSyntheticSet(await resumed.result)).toBe(undisturbed);
  });

  it("names the loss where the terms are finite", async () => {
    const run = distill(withStep(0, { loss: Infinity }), dataset, { config });
    await expect(run.result).rejects.toThrow(
      new RunError(
        "toy step 1 of 12: the loss is not finite, got Infinity; start again with a lower learning rate, " +
          "or look for a division by zero",
      ),
    );
  });

  it("notices images that are not finite before it saves them, whatever the loss says", async () => {
    const poisoned: typeof toyMethod = {
      ...toyMethod,
      step(context, state, config, step) {
        const result = toyMethod.step(context, state, config, step);
        if (step !== 6) return result;
        const images = tf.tidy(() => tf.mul<tf.Tensor4D>(result.state.images, NaN));
        result.state.images.dispose();
        return { ...result, state: { ...result.state, images } };
      },
    };
    const saved = distill(poisoned, dataset, { config: { ...config, iterations: 7 }, directory });
    await expect(saved.result).rejects.toThrow(
      /^toy step 7 of 7: state images is not finite, element 0 is NaN; /,
    );
    expect(fs.existsSync(join(directory, "set.arrow"))).toBe(false);
    const inMemory = distill(poisoned, dataset, { config: { ...config, iterations: 7 } });
    await expect(inMemory.result).rejects.toThrow(/^toy step 7 of 7: image 0 is not finite; /);
  });

  it("leaves no folder where it could not begin", async () => {
    const failing: typeof toyMethod = {
      ...toyMethod,
      init() {
        throw new ConfigError("toy: no");
      },
    };
    await expect(distill(failing, dataset, { config, directory }).result).rejects.toThrow("toy: no");
    expect(fs.readdirSync(root)).toEqual([]);
  });

  it("refuses wrong options at once, before anything is touched", () => {
    const call = (options: object) => () => distill(toyMethod, dataset, { config, directory, ...options });
    const cases: [object, string][] = [
      [
        { config: { ...config, stepz: 1 } },
        'toy config: Unrecognized key: "stepz"; known: ipc, iterations, learningRate, momentum, realBatch',
      ],
      [{ preset: "large" }, 'toy: unknown preset "large"; known: sample'],
      [{ seed: 0.5 }, "distill: seed must be a whole number, got 0.5"],
      [{ checkpointEvery: { steps: 0 } }, "distill: checkpointEvery.steps must be above 0, got 0"],
      [{ keepEvery: 0 }, "distill: keepEvery must be above 0, got 0"],
      [{ previewEvery: -1 }, "distill: previewEvery must be above 0, got -1"],
      [{ resume: true, directory: undefined }, "distill: resume needs the directory of the run"],
    ];
    for (const [options, message] of cases) expect(call(options)).toThrow(new ConfigError(message));
    expect(call({ config: { ...config, ipc: 13 } })).toThrow(
      new DataError(
        'toy: class "class 0" has 12 training images, fewer than the 13 images per class asked for; ' +
          "lower ipc, add images or leave the class out",
      ),
    );
    expect(fs.readdirSync(root)).toEqual([]);
  });

  it("refuses a folder that is a file", async () => {
    fs.writeFileSync(join(root, "runs"), "");
    await expect(
      distill(toyMethod, dataset, { config, directory: join(root, "runs") }).result,
    ).rejects.toThrow(
      new RunError(`${join(root, "runs")}: wanted a run folder, it is a file; choose another path`),
    );
    await expect(distill(toyMethod, dataset, { config, directory }).result).rejects.toThrow(RunError);
  });
});

/** The toy method with another outcome of one step. */
function withStep(at: number, outcome: { loss?: number; terms?: Record<string, number> }): typeof toyMethod {
  return {
    ...toyMethod,
    step(context, state, config, step) {
      const result = toyMethod.step(context, state, config, step);
      return step === at ? { ...result, ...outcome } : result;
    },
  };
}
