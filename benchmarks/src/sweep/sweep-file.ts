import { z } from "zod";
import { seedList } from "../command-line/option-parsers.ts";

/** A list, or its only element. */
function listOf<Item extends z.ZodType>(item: Item) {
  return z.preprocess(asList, z.array(item).min(1));
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [value];
}

/** Whole numbers as a list, one alone, or a text such as `0-4` or `0-2,7`. */
const seedsSchema = z.preprocess(
  (value, context) => {
    if (typeof value !== "string") return asList(value);
    try {
      return seedList(value);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
      return z.NEVER;
    }
  },
  z.array(z.int().min(0)).min(1),
);

const zcaSchema = z.union([z.boolean(), z.enum(["pixels", "standardised"])]);
const configSchema = z.record(z.string(), z.unknown());

const evaluateSchema = z.strictObject({
  networks: listOf(z.string()).optional().describe("of the zoo; default convnet3"),
  protocols: listOf(z.string()).optional().describe("ids; default dsa-v1"),
  seeds: seedsSchema.optional().describe("fresh networks a set; default 0-2"),
});

const fullSchema = evaluateSchema.required({ protocols: true }).extend({ zca: zcaSchema.optional() });

const methodSchema = z.preprocess(
  (value) => (typeof value === "string" ? { method: value } : value),
  z.strictObject({
    method: z.string(),
    preset: z.string().optional(),
    config: configSchema.optional().describe("on top of the preset and of the grid's config"),
    zca: zcaSchema.optional().describe("default: what the preset says"),
  }),
);

const engineSchema = z
  .strictObject({
    backend: z.string().optional(),
    precision: z.enum(["highest", "high", "default"]).optional(),
    threads: z.int().min(1).optional(),
    samplesAtOnce: z.int().min(1).optional(),
  })
  .describe("what all cells are computed with; the command line wins");

const gridSchema = z.strictObject({
  methods: listOf(methodSchema),
  datasets: listOf(z.string()).describe("names or paths"),
  ipc: listOf(z.int().min(1)),
  seeds: seedsSchema.default([0]).describe("of the distillations"),
  config: configSchema.optional().describe("keys that all methods of this grid know"),
  evaluate: evaluateSchema.optional(),
  full: fullSchema
    .optional()
    .describe("score the whole training split too, with protocols of its own: they cost far more"),
});

const runSchema = z.strictObject({
  method: z.string(),
  preset: z.string().optional(),
  config: configSchema.optional(),
  zca: zcaSchema.optional(),
  dataset: z.string(),
  ipc: z.int().min(1).optional().describe("default: the preset's"),
  seed: z.int().min(0).default(0),
  evaluate: evaluateSchema.optional(),
});

const setSchema = z.strictObject({
  file: z.string().describe("a set.arrow, relative to the sweep file"),
  dataset: z.string(),
  evaluate: evaluateSchema.optional(),
});

/**
 * What a sweep file says: grids (every method with every data set, IPC and seed), single runs, finished sets, and how each set is
 * scored. `evaluate` of a grid, run or set replaces that of the file, key by key.
 */
export const sweepFileSchema = z.strictObject({
  name: z.string().optional(),
  engine: engineSchema.optional(),
  evaluate: evaluateSchema.optional(),
  grid: listOf(gridSchema).optional(),
  runs: z.array(runSchema).optional(),
  sets: z.array(setSchema).optional(),
});

/** What a TypeScript sweep file exports as `sweep`. */
export type SweepInput = z.input<typeof sweepFileSchema>;
/** A sweep file, read. */
export type SweepFile = z.output<typeof sweepFileSchema>;
/** How sets are scored. */
export type SweepEvaluate = z.output<typeof evaluateSchema>;
/** One grid of a sweep file. */
export type SweepGrid = z.output<typeof gridSchema>;
/** One single run of a sweep file. */
export type SweepRun = z.output<typeof runSchema>;

/** Keys that may stand in the object that `path` leads to, for messages. */
export function knownKeysAt(path: readonly PropertyKey[]): readonly string[] {
  const last = path.findLast((part) => typeof part === "string") ?? "";
  const shape = OBJECTS[last];
  return shape === undefined ? [] : Object.keys(shape);
}

const OBJECTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "": sweepFileSchema.shape,
  engine: engineSchema.shape,
  evaluate: evaluateSchema.shape,
  full: fullSchema.shape,
  grid: gridSchema.shape,
  runs: runSchema.shape,
  sets: setSchema.shape,
  methods: { method: 0, preset: 0, config: 0, zca: 0 },
};
