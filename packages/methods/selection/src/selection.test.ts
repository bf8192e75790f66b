import {
  classPositions,
  createRunContext,
  disposeState,
  distill,
  integers,
  keyFromSeed,
  liveTensors,
  normal,
  resolveConfig,
  useBackend,
  type DistillationMethod,
  type SyntheticSet,
} from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import { beforeAll, describe, expect, test } from "vitest";
import {
  el2n,
  el2nScores,
  forgetting,
  forgettingCounts,
  herd,
  herding,
  kCenter,
  kCenterGreedy,
  kMeans,
  random,
  randomPositions,
} from "./index.ts";
import { chooseByScore } from "./shared/by-score.ts";

beforeAll(() => useBackend("auto", { threads: 1 }));

const rows = { values: normal(keyFromSeed(3), 40 * 5), width: 5 };
const row = (i: number): number[] => [...rows.values.subarray(i * 5, (i + 1) * 5)];
const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.sqrt(a.reduce((sum, value, d) => sum + (value - b[d]!) ** 2, 0));
const meanOf = (numbers: readonly number[]): number[] =>
  row(0).map((_, d) => numbers.reduce((sum, i) => sum + row(i)[d]!, 0) / numbers.length);
const ALL = Array.from({ length: 40 }, (_, i) => i);

describe("against plain loops", () => {
  test("herding takes the row whose addition brings the mean nearest", () => {
    const mean = meanOf(ALL);
    const chosen: number[] = [];
    while (chosen.length < 7) {
      const left = ALL.filter((i) => !chosen.includes(i));
      const far = left.map((i) => distance(mean, meanOf([...chosen, i])));
      chosen.push(left[far.indexOf(Math.min(...far))]!);
    }
    expect([...herd(rows, 7)]).toEqual(chosen);
    expect(new Set(herd(rows, 40)).size).toBe(40);
  });

  test("k-center takes the row farthest from all chosen", () => {
    const chosen = [11];
    const nearest = (i: number): number => Math.min(...chosen.map((j) => distance(row(i), row(j))));
    while (chosen.length < 6) {
      const far = ALL.map(nearest);
      chosen.push(far.indexOf(Math.max(...far)));
    }
    const found = kCenterGreedy(rows, 6, 11);
    expect([...found.chosen]).toEqual(chosen);
    expect(found.radius).toBeCloseTo(Math.max(...ALL.map(nearest)), 6);
    expect(new Set(kCenterGreedy({ values: new Float32Array(20), width: 5 }, 4, 2).chosen).size).toBe(4);
  });

  test("EL2N is the length of the error", () => {
    // Scores 0 and ln 3: probabilities ¼ and ¾.
    const logits = { values: Float32Array.of(0, Math.log(3), 0, Math.log(3), 1000, 0), width: 2 };
    const scores = el2nScores(logits, [1, 0, 1]);
    expect(scores[0]).toBeCloseTo(Math.SQRT2 / 4, 6);
    expect(scores[1]).toBeCloseTo((3 * Math.SQRT2) / 4, 6);
    expect(scores[2]).toBeCloseTo(Math.SQRT2, 6);
  });

  test("forgetting counts falls from right to wrong, and the never right as hardest", () => {
    const history = ["1111", "0000", "0101", "1010", "0001", "1100"];
    const right = [0, 1, 2, 3].map((epoch) => history.map((image) => image[epoch] === "1"));
    expect([...forgettingCounts(right)]).toEqual([0, 4, 1, 2, 0, 1]);
  });

  test("easy and hard ends of a score, class by class", () => {
    const dataset = toyDataset();
    const context = createRunContext(dataset, 0);
    const scores = integers(keyFromSeed(1), dataset.train.size, 0, 4);
    const members = classPositions(dataset.train.labels, 3);
    const sorted = (order: 1 | -1): number[] =>
      members.flatMap((own) =>
        [...own].sort((a, b) => order * (scores[a]! - scores[b]!) || a - b).slice(0, 4),
      );
    expect([...chooseByScore(context, scores, 4, "easy").positions]).toEqual(sorted(1));
    expect([...chooseByScore(context, scores, 4, "hard").positions]).toEqual(sorted(-1));
  });
});

const small = { network: "convnet1-w8", trainingEpochs: 2 };
const cases: readonly [DistillationMethod, object][] = [
  [random, {}],
  [herding, small],
  [kCenter, small],
  [kMeans, small],
  [forgetting, { ...small, order: "easy" }],
  [el2n, { ...small, networks: 2 }],
];

describe.each(cases)("$id", (method, config) => {
  const dataset = toyDataset();
  const choose = (seed: number): Promise<SyntheticSet> =>
    distill(method, dataset, { config: { ...config, ipc: 3 }, seed }).result;

  test("gives different real images of each class, the same for the same seed, and no tensor stays", async () => {
    const before = liveTensors();
    const set = await choose(1);
    expect(liveTensors()).toBe(before);
    expect((await choose(1)).images).toEqual(set.images);
    expect((await choose(2)).images).not.toEqual(set.images);
    expect([...(set.labels.values as Int32Array)]).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
    const length = 8 * 8 * 3;
    const context = createRunContext(dataset, 0);
    const found = [0, 1, 2].flatMap((label) => {
      const members = context.real.ofClass(label);
      const images = context.real.read(members);
      const real = images.dataSync();
      images.dispose();
      return [0, 1, 2].map((i) => {
        const own = set.images.subarray((3 * label + i) * length, (3 * label + i + 1) * length);
        return members.findIndex((_, m) => own.every((value, j) => value === real[m * length + j]));
      });
    });
    expect(found.every((m) => m >= 0)).toBe(true);
    expect(new Set(found.map((m, i) => `${Math.floor(i / 3)} ${m}`)).size).toBe(9);
  });

  test("has presets that its schema accepts, a forecast, and a random set before its step", () => {
    for (const preset of Object.keys(method.presets)) resolveConfig(method, { preset });
    const context = createRunContext(dataset, 0);
    const complete = resolveConfig(method, { config: { ...config, ipc: 3 } });
    const { multiplyAddsPerStep, setBytes } = method.forecast(context, complete);
    expect(multiplyAddsPerStep).toBeGreaterThan(0);
    expect(setBytes).toBe(4 * 9 * (8 * 8 * 3 + 1));
    const state = method.init(context, complete);
    const drawn = context.real.read(randomPositions(context, 3));
    expect(method.result(context, state, complete).images).toEqual(Float32Array.from(drawn.dataSync()));
    drawn.dispose();
    disposeState(state);
  });
});
