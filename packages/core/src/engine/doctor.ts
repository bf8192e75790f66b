import { totalmem } from "node:os";
import * as tf from "@tensorflow/tfjs-core";
import { BACKEND_NAMES, type BackendName } from "./backend-name.ts";
import type { Arithmetic } from "./driver.ts";
import { drivers } from "./drivers.ts";
import { selfTest, type SelfTestReport } from "./self-test.ts";
import { resolveSettings, type EngineSettings } from "./settings.ts";

/** One back end on this machine. What is not known or does not apply is null. */
export interface BackendReport {
  readonly name: BackendName;
  readonly available: boolean;
  /** Why it cannot be had; null where it can. */
  readonly reason: string | null;
  /** What to do about that; null where it can be had. */
  readonly fix: string | null;
  readonly version: string | null;
  readonly device: string | null;
  /** Whether a graphics card computes. */
  readonly accelerated: boolean;
  readonly threads: number | null;
  /** What each precision is computed in. */
  readonly precisions: Arithmetic | null;
  readonly isa: string | null;
  /** Bytes it can address, of the graphics card where one computes; null for a card that does not tell. */
  readonly memory: number | null;
  /** How an available one could do better, such as use a card that it leaves idle. */
  readonly advice: string | null;
  /** Present when it was asked for and the back end is available. */
  readonly selfTest?: SelfTestReport;
}

/** The address space of WebAssembly as tfjs builds it. */
const WASM_ADDRESS_SPACE = 2 ** 32;

/**
 * Looks at every back end: which this machine has, and why not the others.
 *
 * @param options.selfTest Also check derivatives of a small network against `cpu` and time a convolution (seconds).
 * @returns One report a back end, in the order of {@link BACKEND_NAMES}. The back end in force stays in force.
 */
export async function doctor(options: { readonly selfTest?: boolean } = {}): Promise<BackendReport[]> {
  const settings = resolveSettings("auto", {}, { ...process.env, LIMBECK_BACKEND: undefined });
  const before: string | undefined = tf.engine().backendName;
  const reports: BackendReport[] = [];
  for (const name of BACKEND_NAMES) reports.push(await examine(name, settings, options.selfTest ?? false));
  if (before) await tf.setBackend(before);
  return reports;
}

async function examine(name: BackendName, settings: EngineSettings, test: boolean): Promise<BackendReport> {
  const found = await drivers[name].probe(settings);
  if (!found.available) {
    return {
      name,
      available: false,
      reason: found.reason,
      fix: found.fix,
      version: null,
      device: null,
      accelerated: false,
      threads: null,
      precisions: null,
      isa: null,
      memory: null,
      advice: null,
    };
  }
  return {
    name,
    available: true,
    reason: null,
    fix: null,
    version: found.version,
    device: found.device,
    accelerated: found.accelerated,
    threads: found.threads,
    precisions: found.arithmetic,
    isa: found.isa,
    memory: found.accelerated ? (found.memory ?? null) : addressableMemory(name),
    advice: found.advice ?? null,
    ...(test ? { selfTest: await selfTest(name, settings) } : {}),
  };
}

function addressableMemory(name: BackendName): number {
  // 0 or a huge number: the process is not constrained.
  const constrained = process.constrainedMemory();
  const memory = constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
  return name === "wasm" ? Math.min(memory, WASM_ADDRESS_SPACE) : memory;
}
