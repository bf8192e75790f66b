import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { writeFileBeside } from "../artifact/durable-file.ts";
import { DataError, RunError } from "../errors.ts";

const RUN_FORMAT = 1;

const runConfigSchema = z.object({
  format: z.int(),
  method: z.string(),
  dataset: z.object({
    name: z.string(),
    sha256: z.string(),
    /** Set where images are whitened: `zca-` and digits of the whitening's hash. */
    normalisation: z.string().optional(),
  }),
  preset: z.string().optional(),
  config: z.record(z.string(), z.unknown()),
  seed: z.int(),
  steps: z.int(),
  backend: z.string(),
  precision: z.string(),
  threads: z.int(),
  /** Set where batches are split. */
  samplesAtOnce: z.int().optional(),
  arithmetic: z.string(),
  device: z.string(),
  isa: z.string(),
  machine: z.string(),
  commit: z.string(),
  /** Where the run took over a shorter one: after which step, and what code had made it so far. */
  continues: z.object({ step: z.int(), commit: z.string() }).optional(),
  versions: z.object({ limbeck: z.string(), node: z.string(), tfjs: z.string(), backend: z.string() }),
});

/** Everything that a run was started with: the content of its `config.json`. */
export type RunConfig = Omit<z.infer<typeof runConfigSchema>, "format">;

/** What two runs must share to give the same bits. The rest is there to be read. */
const IDENTITY = [
  "method",
  "dataset",
  "config",
  "seed",
  "backend",
  "precision",
  "threads",
  "samplesAtOnce",
] as const;

/** SHA-256 over what decides the result: method, data, complete configuration, seed, back end, precision, threads, splitting. */
function runIdentity(config: RunConfig): string {
  const parts = identityEntries(config).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** Writes `config.json`. @throws {RunError} if the disk is full or the path cannot be written. */
export function writeRunConfig(path: string, config: RunConfig): void {
  const content = { format: RUN_FORMAT, ...config, identity: runIdentity(config) };
  writeFileBeside(path, `${JSON.stringify(content, null, 2)}\n`);
}

/** Reads `config.json`. @throws {DataError} if it is missing, damaged or of a newer version. */
export function readRunConfig(path: string): RunConfig {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new DataError(`${path}: cannot be read as a run's configuration: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === "number" && format > RUN_FORMAT) {
    throw new DataError(
      `${path}: the run has format ${format}, this version reads up to ${RUN_FORMAT}; update Limbeck`,
    );
  }
  const parsed = runConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new DataError(
    `${path}: not the configuration of a run: ${issue.path.join(".")}: ${issue.message}; the file was damaged or changed`,
    { cause: parsed.error },
  );
}

/** What a run is to be: its configuration, and the schema of its method's. */
export interface WantedRun {
  readonly config: RunConfig;
  /** Says what options that are newer than a stored run leave as it was: their defaults. */
  readonly schema: z.ZodType;
}

/**
 * Checks that a run in `folder` may be continued as `wanted`.
 *
 * @throws {RunError} naming every key that decides the result and differs, with both values.
 */
export function checkSameRun(folder: string, stored: RunConfig, wanted: WantedRun): void {
  const differences = differencesOf(stored, wanted);
  if (differences.length === 0) return;
  throw new RunError(
    `${folder}: holds a run that differs in ${differences.join(", ")}; resume it with its own values or choose another folder`,
  );
}

/**
 * Checks that `wanted` may go on from the run in `folder`: all that decides the result but `iterations` is the same.
 *
 * @throws {RunError} naming every key that differs, with both values.
 */
export function checkShorterRun(folder: string, stored: RunConfig, wanted: WantedRun): void {
  const differences = differencesOf(stored, wanted, "config.iterations");
  if (differences.length === 0) return;
  throw new RunError(
    `${folder}: wanted a run to continue from that differs in iterations alone, got one that differs in ${differences.join(", ")}; ` +
      `continue it with its own values or start anew`,
  );
}

function differencesOf(
  stored: RunConfig,
  { config: wanted, schema }: WantedRun,
  apartFrom?: string,
): string[] {
  const there = new Map(identityEntries(withLaterOptions(stored, schema)));
  const here = new Map(identityEntries(wanted));
  return [...new Set([...there.keys(), ...here.keys()])]
    .filter((key) => key !== apartFrom && there.get(key) !== here.get(key))
    .map((key) => `${key} (${there.get(key) ?? "unset"} there, ${here.get(key) ?? "unset"} here)`);
}

/** The run with the defaults of options that its method had not yet; as it is where the schema knows it no more. */
function withLaterOptions(stored: RunConfig, schema: z.ZodType): RunConfig {
  const complete = schema.safeParse(stored.config);
  return complete.success ? { ...stored, config: complete.data as RunConfig["config"] } : stored;
}

/** Leaves of what decides the result, as dotted keys with JSON values. */
function identityEntries(config: RunConfig): [string, string][] {
  return IDENTITY.flatMap((key) => leaves(key, config[key]));
}

function leaves(path: string, value: unknown): [string, string][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return value === undefined ? [] : [[path, JSON.stringify(value)]];
  }
  const entries = Object.entries(value);
  return entries.length === 0
    ? [[path, "{}"]]
    : entries.flatMap(([name, leaf]) => leaves(`${path}.${name}`, leaf));
}
