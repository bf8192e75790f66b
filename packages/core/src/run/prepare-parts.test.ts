import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { InterruptedError } from "../errors.ts";
import type { DistillationMethod } from "../method/method.ts";
import type { PreparedArray, PreparedPart } from "../method/prepared-part.ts";
import { toyDataset } from "../testing/toy-dataset.ts";
import { toyMethod, type toyConfigSchema, type ToyState } from "../testing/toy-method.ts";
import { recipeSchema } from "../train/recipe.ts";
import { trainedNetworkPart } from "../train/trained-network-part.ts";
import { distill } from "./distill.ts";
import type { RunEvent } from "./events.ts";
import { forecastRun } from "./plan-run.ts";
import { createRunContext } from "./run-context.ts";

type Toy = DistillationMethod<typeof toyConfigSchema, ToyState>;

let folder: string;
beforeEach(async () => {
  await useBackend("cpu");
  folder = mkdtempSync(join(tmpdir(), "limbeck-prepare-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function part(name: string, value: number, made: string[]): PreparedPart {
  return {
    name,
    identity: { value },
    multiplyAdds: 10 * value,
    bytes: 4,
    make: () => {
      made.push(name);
      return Promise.resolve({ x: { shape: [1], data: Float32Array.of(value) } });
    },
  };
}

/** The toy method, whose steps need two parts. */
function needy(made: string[], parts = [part("first", 1, made), part("second", 2, made)]): Toy {
  return {
    ...toyMethod,
    prepare: () => parts,
    step(context, state, config, step) {
      expect(context.prepared!("second")["x"]!.data).toEqual(Float32Array.of(2));
      return toyMethod.step(context, state, config, step);
    },
  };
}

async function eventsOf(method: Toy, run: string, seed = 0): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  const options = {
    config: { ipc: 1, iterations: 2 + seed },
    seed,
    directory: join(folder, run),
    resume: true,
  };
  for await (const event of distill(method, toyDataset(), options)) events.push(event);
  return events;
}

function states(events: readonly RunEvent[]): string[] {
  return events.flatMap((event) => (event.kind === "prepare" ? [`${event.name} ${event.state}`] : []));
}

describe("what a method prepares", () => {
  it("is made once, before the first step, and found by every later run beside it", async () => {
    const made: string[] = [];
    const events = await eventsOf(needy(made), "a");
    expect(states(events)).toEqual(["first making", "first made", "second making", "second made"]);
    expect(events.findIndex(({ kind }) => kind === "step")).toBeGreaterThan(4);
    // Another seed and another configuration: what was prepared does not depend on them.
    expect(states(await eventsOf(needy(made), "b", 7))).toEqual(["first found", "second found"]);
    expect(made).toEqual(["first", "second"]);
    expect(readdirSync(join(folder, "prepared"))).toHaveLength(2);
    // A finished run needs none of it.
    expect(states(await eventsOf(needy(made), "a"))).toEqual([]);
  });

  it("is another part where its identity is another", async () => {
    const made: string[] = [];
    await eventsOf(needy(made), "a");
    await eventsOf(needy(made, [part("first", 3, made), part("second", 2, made)]), "b");
    expect(made).toEqual(["first", "second", "first"]);
  });

  it("stops between two steps of its own; finished parts are kept", async () => {
    const made: string[] = [];
    const controller = new AbortController();
    const slow: PreparedPart = {
      ...part("second", 2, made),
      async make(signal) {
        controller.abort();
        for (;;) {
          signal.throwIfAborted();
          await wait(10);
        }
      },
    };
    const run = distill(needy(made, [part("first", 1, made), slow]), toyDataset(), {
      config: { ipc: 1, iterations: 2 },
      directory: join(folder, "a"),
      signal: controller.signal,
    });
    await expect(run.result).rejects.toThrow(
      new InterruptedError(
        "toy: interrupted while second was being made; finished parts are kept, the same run goes on from there",
      ),
    );
    expect(readdirSync(folder)).toEqual(["prepared"]);
    expect(states(await eventsOf(needy(made), "a"))[0]).toBe("first found");
  });

  it("is refused where the file was damaged, and made again once that is deleted", async () => {
    const made: string[] = [];
    await eventsOf(needy(made), "a");
    const [name] = readdirSync(join(folder, "prepared"));
    const path = join(folder, "prepared", name!);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1));
    await expect(eventsOf(needy(made), "b")).rejects.toThrow(
      `${path}: its content is not what was written; delete ${path}, and it is made again`,
    );
    writeFileSync(path, bytes.subarray(0, 20));
    await expect(eventsOf(needy(made), "b")).rejects.toThrow(`delete ${path}, and it is made again`);
    rmSync(path);
    await eventsOf(needy(made), "b");
    expect(made).toHaveLength(3);
  });

  it("may follow from the parts before it, and is read again where it is used, not kept", async () => {
    const made: string[] = [];
    const second: PreparedPart = {
      ...part("second", 2, made),
      make(_, prepared) {
        const [x] = prepared("first")["x"]!.data;
        return Promise.resolve({ x: { shape: [1], data: Float32Array.of(x! + 1) } });
      },
    };
    const method = needy(made, [part("first", 1, made), second]);
    expect(states(await eventsOf(method, "a"))).toEqual([
      "first making",
      "first made",
      "second making",
      "second made",
    ]);
    const forgetful: Toy = {
      ...method,
      step(context, state, config, step) {
        rmSync(join(folder, "prepared"), { recursive: true });
        return method.step(context, state, config, step);
      },
    };
    await expect(eventsOf(forgetful, "b")).rejects.toThrow(
      "toy: second was deleted from the cache during the run; resume it to make it again",
    );
  });

  it("is part of the forecast, has one name a part, and unknown names are named", async () => {
    const { preparation } = forecastRun(needy([]), toyDataset(), { ipc: 1 });
    expect(preparation).toEqual({ parts: 2, multiplyAdds: 30, bytes: 8 });
    const twice = needy([], [part("first", 1, []), part("first", 2, [])]);
    await expect(eventsOf(twice, "a")).rejects.toThrow('toy: two prepared parts are called "first"');
    const lacking = needy([], [part("first", 1, [])]);
    await expect(eventsOf(lacking, "b")).rejects.toThrow(
      'toy: nothing called "second" was prepared; known: first',
    );
  });
});

describe("trainedNetworkPart", () => {
  const recipe = recipeSchema.parse({ learningRate: 0.05, momentum: 0.9, epochs: 10, batchSize: 12 });
  const nothing = (): never => {
    throw new Error("reads no other part");
  };
  const options = { part: "pool/0", network: "mlp-w16", recipe, seed: 0, index: 0 };

  it("gives the parameters before and after, the same for the same seed, and no tensor is left", async () => {
    const context = createRunContext(toyDataset(), 0);
    const { signal } = new AbortController();
    const before = tf.memory().numTensors;
    const first = await trainedNetworkPart(context, options).make(signal, nothing);
    expect(tf.memory().numTensors).toBe(before);
    expect(await trainedNetworkPart(context, options).make(signal, nothing)).toEqual(first);
    const other = await trainedNetworkPart(context, { ...options, index: 1 }).make(signal, nothing);
    expect(other["initial"]!.data).not.toEqual(first["initial"]!.data);
    const network = context.network("mlp-w16");
    const images = context.real.read(Array.from({ length: 36 }, (_, i) => i));
    const correct = (theta: PreparedArray): number => {
      const vector = tf.tensor1d(theta.data as Float32Array);
      const found = tf.tidy(() => tf.argMax(network.apply(vector, images).logits, 1).dataSync());
      vector.dispose();
      return Array.from(found).reduce(
        (sum, label, i) => sum + Number(label === context.dataset.train.labels[i]),
        0,
      );
    };
    expect(correct(first["trained"]!)).toBe(36);
    expect(correct(first["initial"]!)).toBeLessThan(30);
    images.dispose();
  });

  it("is identified by data, normalisation, network, recipe, seed and index", () => {
    const text = (context = createRunContext(toyDataset(), 0), changes = {}): string =>
      JSON.stringify(trainedNetworkPart(context, { ...options, ...changes }).identity);
    const normalisation = { kind: "mean-std", mean: [0.4, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
    const others = [
      text(createRunContext(toyDataset({ seed: 1 }), 0)),
      text(createRunContext(toyDataset({ normalisation }), 0)),
      text(undefined, { network: "mlp-w17" }),
      text(undefined, { recipe: { ...recipe, epochs: 11 } }),
      text(undefined, { seed: 1 }),
      text(undefined, { index: 1 }),
      text(),
    ];
    expect(new Set(others).size).toBe(others.length);
    // The run's own seed does not matter: runs share the network.
    expect(text(createRunContext(toyDataset(), 7))).toBe(text());
  });

  it("refuses batch normalisation", () => {
    expect(() =>
      trainedNetworkPart(createRunContext(toyDataset(), 0), { ...options, network: "convnet1-w8-batch" }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: pool/0: network convnet1-w8-batch uses batch normalisation, which a pool of trained networks cannot have; choose another norm, such as instance]`,
    );
  });
});
