import { join } from "node:path";
import { methods, readRecords } from "@limbeck/benchmarks";
import { resolveConfig } from "@limbeck/core";
import { expect, test } from "vitest";

const records = ["accuracy.jsonl", "labels.jsonl"].flatMap((name) =>
  readRecords(join(import.meta.dirname, "../benchmarks/records", name)),
);
const reproduced = methods.flatMap((method) =>
  Object.entries(method.presets)
    .filter(([, { status }]) => status === "reproduced")
    .map(([preset, { dataset, zca }]) => ({
      method,
      preset,
      dataset,
      isWhitened: zca !== undefined,
      id: method.id,
    })),
);

test("there are presets that say a record shows them", () => {
  expect(reproduced.length).toBeGreaterThan(0);
});

test.each(reproduced)(
  "$id, $preset: a record has every key of it",
  ({ method, preset, dataset, isWhitened }) => {
    const config = resolveConfig(method, { preset, config: {} }) as Readonly<Record<string, unknown>>;
    const ofMethod = records.filter(
      (record) =>
        record.method === method.id &&
        record.dataset === dataset &&
        (record.normalisation === "zca") === isWhitened,
    );
    // Keys that came after a record was made have no value in it.
    const differences = ofMethod.map((record) =>
      Object.entries(record.config ?? {})
        // What the labels are is no setting of the method.
        .filter(([key, value]) => key !== "labels" && JSON.stringify(value) !== JSON.stringify(config[key]))
        .map(([key]) => key),
    );
    expect(differences).toContainEqual([]);
  },
);
