import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createNetwork,
  InterruptedError,
  keyFromSeed,
  liveTensors,
  readSet,
  setBytes,
  useBackend,
  type SyntheticSet,
  type TrainedModel,
} from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import { labelForms, projectorConfigSchema } from "@limbeck/label-lightening";
import { afterAll, beforeAll, expect, test } from "vitest";
import { randomSubset } from "../accuracy/random-subset.ts";
import { protocolNamed } from "../protocol/protocols.ts";
import { labelBytesPlot } from "../plots/label-bytes.ts";
import { readRecords } from "../records/record-file.ts";
import { labelBytesRecords, type LabelBytesOptions } from "./label-bytes.ts";
import { labelBytesSeries } from "./label-bytes-points.ts";
import { labelBytesTable } from "./label-bytes-table.ts";
import { formList, formOfRecord, type NamedForm } from "./named-form.ts";

const dataset = toyDataset({ classes: 10, shape: [8, 8, 3], perClass: 4 });
const [IMAGES, CLASSES, EPOCHS] = [20, 10, 40];
const forms = [...(Object.keys(labelForms) as NamedForm[]), "hello", "hard"] as const;
/** As records tell them: a projector with its rank. */
const told = forms.map((form) => (form === "hello" ? "hello, rank 1" : form));
let folder: string;
let set: SyntheticSet;
let teacher: TrainedModel;
let common: Omit<LabelBytesOptions, "forms" | "seeds">;

beforeAll(async () => {
  await useBackend("native", { threads: 1 });
  folder = mkdtempSync(join(tmpdir(), "limbeck-labels-"));
  set = randomSubset(dataset, IMAGES / CLASSES, 0);
  const network = createNetwork("convnet1-w8", { inputShape: dataset.shape, classes: CLASSES });
  const { normalisation, classes } = dataset;
  if (normalisation.kind !== "mean-std") throw new Error("the toy set is standardised");
  teacher = { network, theta: network.init(keyFromSeed(1)), classes, normalisation };
  common = {
    teacher,
    projector: projectorConfigSchema.parse({ encoderRank: 1, headRank: 1, steps: 1, batchSize: 4 }),
    protocol: protocolNamed(`sre2l-e${EPOCHS}-v1`),
    network: "convnet1-w8",
    distillSeconds: 5,
    runs: join(folder, "runs"),
    records: join(folder, "labels.jsonl"),
  };
});
afterAll(() => {
  teacher.theta.dispose();
  rmSync(folder, { recursive: true });
});

test("a record a form with its exact bytes, once; more students only add to them", async () => {
  const before = liveTensors();
  const records = await labelBytesRecords(set, dataset, { ...common, forms, seeds: [0] });
  expect(liveTensors()).toBe(before);
  expect(records.map(formOfRecord)).toEqual(told);
  expect(readRecords(common.records)).toEqual(records);

  const [runs] = readdirSync(join(common.runs, "labels"));
  for (const [i, form] of forms.entries()) {
    const { bytes, seconds, config } = records[i]!;
    const light = await setBytes(readSet(join(common.runs, "labels", runs!, `${form}.arrow`)));
    expect([bytes.images, bytes.labels], form).toEqual([light.images, light.labels]);
    expect(seconds.distill).toBe(5);
    expect("labels" in config).toBe(form !== "hard");
  }
  // As the formulas of the package say.
  const bytesOf = (form: string): number => records.find((each) => formOfRecord(each) === form)!.bytes.labels;
  expect(bytesOf("hard")).toBe(IMAGES);
  expect(bytesOf("views") - bytesOf("lpld-x10")).toBeGreaterThan((0.9 * EPOCHS - 1) * IMAGES * CLASSES * 2);
  expect(bytesOf("views-int8") - bytesOf("views-int4")).toBe(EPOCHS * IMAGES * (CLASSES / 2));
  expect(bytesOf("online")).toBeLessThan(bytesOf("infer"));
  const protocols = new Set(records.map(({ protocol }) => protocol));
  expect([...protocols]).toEqual(["sre2l-e40-v1", "sre2l-hard-e40-v1"]);

  // Killed between the two files: the record is not lost, and none comes twice.
  const lines = readFileSync(common.records, "utf8").trimEnd().split("\n");
  const torn = join(folder, "torn.jsonl");
  appendFileSync(torn, `${lines.slice(0, 3).join("\n")}\n`);
  const again = await labelBytesRecords(set, dataset, { ...common, forms, seeds: [0], records: torn });
  expect(again).toEqual(records);
  expect(readRecords(torn)).toEqual(records);

  const more = await labelBytesRecords(set, dataset, { ...common, forms: ["infer", "hard"], seeds: [0, 1] });
  expect(more.map(({ accuracy }) => accuracy[0])).toEqual(
    [records[forms.indexOf("infer")], records.at(-1)].map((each) => each!.accuracy[0]),
  );
  const [series, ...others] = labelBytesSeries(readRecords(common.records));
  expect(others).toEqual([]);
  expect(series!.title).toBe("toy, 2 images per class, random, convnet1-w8, sre2l-e40-v1");
  expect(series!.points.map(({ record }) => record.bytes.labels)).toEqual(
    records.map(({ bytes }) => bytes.labels).sort((a, b) => b - a),
  );
  const students = Object.fromEntries(series!.points.map(({ form, accuracy }) => [form, accuracy.n]));
  expect(students).toMatchObject({ infer: 2, hard: 2, views: 1 });
  const beside = Object.fromEntries(series!.points.map(({ form, beside }) => [form, beside]));
  expect(beside).toMatchObject({
    online: "teacher",
    "hello, rank 1": "encoder",
    infer: "nothing",
    hard: "nothing",
  });

  const table = labelBytesTable(more);
  expect(table).toContain(
    `toy, 2 images per class, random, convnet1-w8, sre2l-e40-v1; images ${IMAGES * 8 * 8 * 3 * 4} bytes`,
  );
  expect(table).toMatch(/\| hard \| 20 \| 0\.0013 \| – \| [\d.]+ ± [\d.]+ \(n = 2\) \|/);
  // Sets with one form share a table, with what their images were made with.
  const alone = { ...records[0]!, method: "rded", network: "vgg11" };
  const both = labelBytesTable([
    ...more,
    { ...alone, config: { ...alone.config, teacher: { network: "resnet20" } } },
  ]);
  expect(both.startsWith(table)).toBe(true);
  expect(both.slice(table.length)).toMatch(
    /^\n\nOne form of labels alone:\n\n.*\n.*\n\| toy \| 2 \| rded \| resnet20 \| vgg11 \| sre2l-e40-v1 \| views \| \d+ \| [\d.]+ \(n = 1\) \|/,
  );
  const picture = await labelBytesPlot(readRecords(common.records));
  expect(picture).toMatch(/^<svg/);
  for (const form of told) expect(picture).toContain(`>${form}<`);
});

test("stopped while labels are made, it says how to go on and keeps nothing half-made", async () => {
  const stopped = { ...common, forms: ["views"] as const, seeds: [7], runs: join(folder, "stopped") };
  const abort = new AbortController();
  const interrupted = labelBytesRecords(set, dataset, {
    ...stopped,
    signal: abort.signal,
    onLabel: () => abort.abort(),
  });
  await expect(interrupted).rejects.toThrow(
    new InterruptedError(
      "labels: interrupted while views was made; the same command makes it again and goes on",
    ),
  );
  const [runs] = readdirSync(join(stopped.runs, "labels"));
  expect(readdirSync(join(stopped.runs, "labels", runs!))).toEqual([]);
});

test("forms have names; what has none is told by codec and share", () => {
  expect(formList("views, hard,views")).toEqual(["views", "hard"]);
  expect(() => formList("views,half")).toThrow('unknown form "half"; known: views, views-int8');
  const record = (labels: object) => formOfRecord({ config: { labels }, labels: "views" } as never);
  expect(record({ form: { kind: "views", codec: "int8", keep: 0.2, draw: "epochs" } })).toBe(
    "views int8 × 0.2 in epochs",
  );
  expect(record({ form: { kind: "views", codec: "float16", keep: 0.1, draw: "batches" } })).toBe("lpld-x10");
});
