import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { ConfigError, useBackend } from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { randomSubset } from "../accuracy/random-subset.ts";
import { protocolNamed } from "../protocol/protocols.ts";
import { architectureSearch, fullSearchSpace, searchSpaceNetworks } from "./architecture-search.ts";
import { continualLearning, joinSets } from "./continual-learning.ts";

let folder: string;
beforeEach(async () => {
  await useBackend("cpu");
  folder = mkdtempSync(join(tmpdir(), "limbeck-downstream-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const protocol = protocolNamed("dc-e40-v1");

describe("continual learning", () => {
  const dataset = toyDataset();
  const options = {
    steps: 3,
    orders: [0],
    seeds: [0],
    protocol,
    network: "convnet1-w8",
    condense: async (arrived: typeof dataset) => randomSubset(arrived, 3, 0),
  };

  it("starts without a mistake to make, meets every class, and gives the same again from its folder", async () => {
    const before = tf.memory().numTensors;
    const results = await continualLearning(dataset, { ...options, folder });
    expect(tf.memory().numTensors).toBe(before);
    expect(results.map(({ step, classes }) => [step, classes])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(results[0]!.accuracy).toEqual([100]);
    // The toy classes can be told apart: far above one in three.
    expect(results[2]!.accuracy[0]).toBeGreaterThan(60);
    expect(await continualLearning(dataset, { ...options, folder })).toEqual(results);
  });

  it("learns other orders of the classes from other seeds", async () => {
    const orders: string[] = [];
    const record = async (arrived: typeof dataset) => {
      orders.push(arrived.classes.join());
      return randomSubset(arrived, 1, 0);
    };
    const quick = { ...options, condense: record, protocol: protocolNamed("dc-e1-v1"), folder };
    await continualLearning(dataset, { ...quick, orders: [0, 1, 2, 3] });
    const perOrder = [0, 3, 6, 9].map((start) => orders.slice(start, start + 3).join());
    expect(new Set(perOrder).size).toBeGreaterThan(1);
    for (const order of perOrder) expect(order.split(",").sort()).toEqual([...dataset.classes].sort());
  });

  it("names steps that do not divide the classes, and sets that do not join", async () => {
    await expect(continualLearning(dataset, { ...options, steps: 2, folder })).rejects.toThrow(
      new ConfigError(
        `continualLearning: wanted a number of steps that divides the 3 classes of ${dataset.name}, got 2`,
      ),
    );
    const set = randomSubset(dataset, 1, 0);
    expect(() => joinSets(set, set)).toThrow(`joinSets: class "${dataset.classes[0]}" is in both sets`);
    expect(() => joinSets(set, { ...set, shape: [1, 1, 1], classes: ["x"] })).toThrow(
      "joinSets: wanted images",
    );
  });
});

describe("architecture search", () => {
  it("has the 720 networks of the published space, all different", () => {
    expect(new Set(searchSpaceNetworks(fullSearchSpace)).size).toBe(720);
  });

  it("ranks by the set, trains the best on real images and touches the test split once", async () => {
    const dataset = toyDataset({ perClass: 20 });
    let testReads = 0;
    const watched = {
      ...dataset,
      test: {
        ...dataset.test,
        read: (indices: ArrayLike<number>) => (testReads++, dataset.test.read(indices)),
      },
    };
    const networks = ["convnet1-w4", "convnet1-w8", "mlp-w8"];
    const options = {
      networks,
      proxy: protocol,
      reference: protocolNamed("dc-e5-v1"),
      top: 2,
      seed: 0,
      folder,
    };
    const found = await architectureSearch(randomSubset(dataset, 3, 0), watched, options);
    expect(found.networks.map(({ network }) => network).sort()).toEqual([...networks].sort());
    const proxies = found.networks.map(({ proxy }) => proxy);
    expect(proxies).toEqual([...proxies].sort((a, b) => b - a));
    expect(found.networks.map(({ reference }) => reference === undefined)).toEqual([false, false, true]);
    expect(found.chosen.network).toBe(found.networks[0]!.network);
    expect(found.chosen.test).toBeGreaterThan(60);
    expect(testReads).toBe(1);
  });

  it("names what it cannot compare", async () => {
    const dataset = toyDataset();
    const options = { networks: ["mlp"], proxy: protocol, reference: protocol, top: 2, seed: 0, folder };
    await expect(architectureSearch(randomSubset(dataset, 1, 0), dataset, options)).rejects.toThrow(
      "architectureSearch: wanted at least 2 best of at least as many networks, got 2 of 1",
    );
    await expect(
      architectureSearch(randomSubset(dataset, 1, 0), dataset, { ...options, networks: ["mlp", "net"] }),
    ).rejects.toThrow('unknown network "net"');
  });
});
