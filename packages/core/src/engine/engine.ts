import * as tf from "@tensorflow/tfjs-core";
import { BackendError } from "../errors.ts";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import { BACKEND_NAMES, type BackendName } from "./backend-name.ts";
import { chooseBackend, type Choice, type PassedOver } from "./choose-backend.ts";
import type { Availability } from "./driver.ts";
import { drivers } from "./drivers.ts";
import { fallbackNotice } from "./fallback-notice.ts";
import { watchTensors } from "./memory.ts";
import { hasNvidiaDriver } from "./nvidia.ts";
import { boundSamplesAtOnce } from "./samples-at-once.ts";
import { resolveSettings, type EngineOptions, type EngineSettings, type Precision } from "./settings.ts";

/** The back end in force. */
export interface EngineInfo {
  readonly backend: BackendName;
  /** What was asked for: a name or `auto`. */
  readonly requested: BackendName | "auto";
  readonly precision: Precision;
  /** What products are really computed in under that precision, such as `float32`, `float32-winograd`. */
  readonly arithmetic: string;
  readonly threads: number;
  readonly device: string;
  readonly version: string;
  readonly isa: string;
  /** Bytes of the graphics device that may be used; absent where nobody said or the back end has none. */
  readonly deviceMemory?: number;
  /** Most images of a batch that pass through a network together; absent where there is no bound. */
  readonly samplesAtOnce?: number;
  /** With `auto`: better back ends that could not be had, and why. */
  readonly passedOver: readonly PassedOver[];
}

let current: EngineInfo | undefined;
let noticeGiven = false;

/**
 * Chooses the back end of this process and makes it ready. May be called again: tensors move to the new back end when
 * they are next used.
 *
 * `auto` takes the first that can be had of: TensorFlow with CUDA, WebGPU on a graphics card, native, TensorFlow on the
 * processor, WASM. Without an explicit name `LIMBECK_BACKEND` decides; likewise `LIMBECK_PRECISION`, `LIMBECK_THREADS`,
 * `LIMBECK_DEVICE_MEMORY` and `LIMBECK_SAMPLES_AT_ONCE`. Where `auto` has to do without the native back end and falls to WASM, one line on standard error
 * says so, once a process.
 *
 * @throws {ConfigError} if a name or value is unknown or out of range.
 * @throws {BackendError} if the back end asked for cannot be had, or another is being started; the message says why and what to do.
 */
export async function useBackend(
  name: BackendName | "auto" | (string & {}) = "auto",
  options: EngineOptions = {},
): Promise<EngineInfo> {
  const settings = resolveSettings(name, options, process.env);
  const other = starting.find((each) => each !== settings.backend);
  if (other !== undefined) {
    throw new BackendError(
      `useBackend: wanted "${settings.backend}" while "${other}" is being started; await the first call: a process computes on one back end at a time`,
    );
  }
  starting.push(settings.backend);
  try {
    return await start(settings);
  } finally {
    starting.splice(starting.indexOf(settings.backend), 1);
  }
}

/** Back ends whose start is not finished. */
const starting: (BackendName | "auto")[] = [];

async function start(settings: EngineSettings): Promise<EngineInfo> {
  const choice =
    settings.backend === "auto"
      ? await chooseBackend(({ name, accelerated }) => probeForAuto(name, accelerated, settings))
      : await forced(settings.backend, settings);
  drivers[choice.backend].prepare(settings);
  if (!(await tf.setBackend(choice.backend))) {
    throw new BackendError(
      `useBackend: back end "${choice.backend}" was found but did not start; run \`limbeck doctor\``,
    );
  }
  watchTensors();
  ensureGradients();
  boundSamplesAtOnce(settings.samplesAtOnce);
  giveNotice(choice);
  current = {
    backend: choice.backend,
    requested: settings.backend,
    precision: settings.precision,
    arithmetic: choice.found.arithmetic[settings.precision],
    threads: choice.found.threads,
    device: choice.found.device,
    version: choice.found.version,
    isa: choice.found.isa,
    ...(choice.backend === "webgpu" &&
      settings.deviceMemory !== undefined && { deviceMemory: settings.deviceMemory }),
    ...(settings.samplesAtOnce !== undefined && { samplesAtOnce: settings.samplesAtOnce }),
    passedOver: choice.passedOver,
  };
  return current;
}

/**
 * The back end in force: the one of {@link useBackend}, or of `tf.setBackend` where that was called since; chosen
 * automatically where nothing was chosen yet.
 */
export async function ensureBackend(): Promise<EngineInfo> {
  const inForce: string | undefined = tf.engine().backendName;
  if (current?.backend === inForce && current !== undefined) return current;
  return useBackend(BACKEND_NAMES.find((known) => known === inForce) ?? "auto");
}

/**
 * What {@link useBackend} chose.
 *
 * @throws {BackendError} if it was not called yet, or another back end was set behind its back.
 */
export function engineInfo(): EngineInfo {
  const inForce: string | undefined = tf.engine().backendName;
  if (current === undefined)
    throw new BackendError("engineInfo: no back end was chosen yet; call useBackend() first");
  if (current.backend === inForce) return current;
  throw new BackendError(
    `engineInfo: useBackend() chose "${current.backend}", but "${inForce}" is in force; switch with useBackend()`,
  );
}

/** What of the engine decides the bits of a result on one machine. */
export type EngineIdentity = Pick<EngineInfo, "backend" | "precision" | "threads" | "samplesAtOnce">;

/** The part of {@link engineInfo} that two results must share to have the same bits. @throws as {@link engineInfo}. */
export function engineIdentity(): EngineIdentity {
  const { backend, precision, threads, samplesAtOnce } = engineInfo();
  return { backend, precision, threads, ...(samplesAtOnce !== undefined && { samplesAtOnce }) };
}

async function forced(backend: BackendName, settings: EngineSettings): Promise<Choice> {
  const found = await drivers[backend].probe(settings);
  if (found.available) return { backend, found, passedOver: [] };
  throw new BackendError(
    `useBackend: back end "${backend}" cannot be had here: ${found.reason}; ${found.fix}`,
  );
}

function probeForAuto(
  name: BackendName,
  accelerated: boolean,
  settings: EngineSettings,
): Promise<Availability> {
  if (name === "tensorflow" && accelerated && !hasNvidiaDriver()) {
    return Promise.resolve({
      available: false,
      reason: "no NVIDIA driver, so no CUDA",
      fix: "install an NVIDIA driver where there is such a card",
    });
  }
  return drivers[name].probe(settings);
}

function giveNotice({ backend, passedOver }: Choice): void {
  const notice = fallbackNotice(backend, passedOver);
  if (notice === undefined || noticeGiven) return;
  noticeGiven = true;
  process.stderr.write(`${notice}\n`);
}
