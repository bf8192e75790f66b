import { availableParallelism } from "node:os";
import { ConfigError } from "../errors.ts";
import { parseBackendName, type BackendName } from "./backend-name.ts";

/** The precisions, most exact first. */
export const PRECISIONS = ["highest", "high", "default"] as const;

/**
 * How exact the sums of products are, named as JAX names it. `highest`: float32. `high`: within a few roundings of it (the
 * native back end convolves 3×3 filters with four times fewer products). `default`: products of 16-bit floats are allowed too. Where
 * a back end has only float32, all three are float32; the engine's `arithmetic` says what is done.
 */
export type Precision = (typeof PRECISIONS)[number];

/** Options of {@link useBackend}; what is left out comes from the environment, then from the default. */
export interface EngineOptions {
  /** Default: `LIMBECK_PRECISION`, else `highest`. */
  readonly precision?: Precision;
  /** Threads of the back end's own pool, 1 to 256. Default: `LIMBECK_THREADS`, else all cores. */
  readonly threads?: number;
  /** Bytes of a graphics card's memory that may be used; only `webgpu` reads it. Default: `LIMBECK_DEVICE_MEMORY`, else no bound. */
  readonly deviceMemory?: number;
  /**
   * Most images of a batch that pass through a network together, on any back end: larger batches are split where their samples do not
   * depend on each other. Less memory, the same result within rounding. Default: `LIMBECK_SAMPLES_AT_ONCE`, else no bound.
   */
  readonly samplesAtOnce?: number;
}

/** Complete settings: nothing left to default. */
export interface EngineSettings {
  readonly backend: BackendName | "auto";
  readonly precision: Precision;
  readonly threads: number;
  /** Bytes; undefined where nobody said. */
  readonly deviceMemory: number | undefined;
  /** Undefined: no bound. */
  readonly samplesAtOnce: number | undefined;
}

const MAX_THREADS = 256;
const UNITS: Readonly<Record<string, number>> = { MIB: 2 ** 20, GIB: 2 ** 30, MB: 1e6, GB: 1e9 };

/**
 * Completes the settings: an explicit choice wins over the environment variables `LIMBECK_BACKEND`, `LIMBECK_PRECISION`,
 * `LIMBECK_THREADS`, `LIMBECK_DEVICE_MEMORY` and `LIMBECK_SAMPLES_AT_ONCE`, those win over the defaults `auto`, `highest`, all
 * cores and no bounds.
 *
 * @throws {ConfigError} naming the option or the variable, if a value is unknown or out of range.
 */
export function resolveSettings(
  backend: string,
  options: {
    readonly precision?: string | undefined;
    readonly threads?: number | undefined;
    readonly deviceMemory?: number | undefined;
    readonly samplesAtOnce?: number | undefined;
  },
  environment: Readonly<Record<string, string | undefined>>,
): EngineSettings {
  const asked = parseBackendName(backend);
  const variable = environment["LIMBECK_BACKEND"];
  return {
    backend: asked === "auto" && variable ? parseBackendName(variable, "LIMBECK_BACKEND") : asked,
    precision:
      options.precision !== undefined
        ? parsePrecision(options.precision, "useBackend")
        : parsePrecision(environment["LIMBECK_PRECISION"] || "highest", "LIMBECK_PRECISION"),
    threads:
      options.threads !== undefined
        ? parseThreads(options.threads, "useBackend")
        : parseThreads(environment["LIMBECK_THREADS"] || availableParallelism(), "LIMBECK_THREADS"),
    deviceMemory:
      options.deviceMemory !== undefined
        ? parseBytes(options.deviceMemory, "useBackend")
        : parseBytes(environment["LIMBECK_DEVICE_MEMORY"] || undefined, "LIMBECK_DEVICE_MEMORY"),
    samplesAtOnce:
      options.samplesAtOnce !== undefined
        ? parseSamples(options.samplesAtOnce, "useBackend")
        : parseSamples(environment["LIMBECK_SAMPLES_AT_ONCE"] || undefined, "LIMBECK_SAMPLES_AT_ONCE"),
  };
}

/** Bytes from a number, or from a text such as `8GiB`, `7.5 GB`, `512MiB`. */
function parseBytes(value: string | number | undefined, where: string): number | undefined {
  if (value === undefined) return undefined;
  const [, digits, unit] = /^([\d.]+) *([mg]i?b)?$/i.exec(String(value).trim()) ?? [];
  const bytes = Number(digits) * (unit === undefined ? 1 : (UNITS[unit.toUpperCase()] ?? NaN));
  if (Number.isFinite(bytes) && bytes >= 1) return Math.floor(bytes);
  throw new ConfigError(
    `${where}: device memory must be bytes or a size such as 8GiB, got ${JSON.stringify(value)}`,
  );
}

function parseSamples(value: string | number | undefined, where: string): number | undefined {
  if (value === undefined) return undefined;
  const samples = Number(value);
  if (Number.isSafeInteger(samples) && samples >= 1) return samples;
  throw new ConfigError(
    `${where}: samples at once must be a whole number from 1 on, got ${JSON.stringify(value)}; leave it out for no bound`,
  );
}

function parsePrecision(text: string, where: string): Precision {
  const precision = PRECISIONS.find((known) => known === text);
  if (precision !== undefined) return precision;
  throw new ConfigError(`${where}: unknown precision "${text}"; known: ${PRECISIONS.join(", ")}`);
}

function parseThreads(value: string | number, where: string): number {
  const threads = Number(value);
  if (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS) return threads;
  throw new ConfigError(
    `${where}: threads must be a whole number from 1 to ${MAX_THREADS}, got ${JSON.stringify(value)}`,
  );
}
