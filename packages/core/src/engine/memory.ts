import * as tf from "@tensorflow/tfjs-core";
import { nativeBytes, resetNativePeak } from "./native-driver.ts";
import { resetWebgpuPeak, trimWebgpu, webgpuBytes } from "./webgpu-driver.ts";

/** Follows the bytes of live tensors in one tfjs engine state. */
interface Meter {
  readonly state: object;
  peak: number;
}

let meter: Meter | undefined;

/** Number of live tensors: 0 growth over a step means the step leaks none. */
export function liveTensors(): number {
  return tf.memory().numTensors;
}

/** Bytes held now: live tensors of all back ends, and what the native one keeps for reuse and as work areas. */
export function liveBytes(): number {
  return tf.memory().numBytes + nativeBytes().beyondTensors;
}

/**
 * Most bytes held at once since the engine started or since {@link resetPeakBytes}: live tensors of all back ends and the
 * work areas of the native one, or the native one's own peak with the memory it keeps for reuse, whichever is larger.
 */
export function peakBytes(): number {
  const { scratch, peak } = nativeBytes();
  return Math.max(watchTensors().peak + scratch, peak);
}

/** Starts {@link peakBytes} and {@link devicePeakBytes} afresh from what is held now. */
export function resetPeakBytes(): void {
  watchTensors().peak = tf.memory().numBytes;
  resetNativePeak();
  resetWebgpuPeak();
}

/**
 * Most bytes allocated on the graphics device at once, buffers kept for reuse included; undefined where the back end in force does not
 * tell (all but `webgpu`).
 */
export function devicePeakBytes(): number | undefined {
  return tf.getBackend() === "webgpu" ? webgpuBytes()?.peak : undefined;
}

/** Gives the graphics device the memory back that is kept for reuse; done at the end of every run. */
export function releaseIdleMemory(): void {
  trimWebgpu();
}

/** Most physical memory the whole process ever held, in bytes: JavaScript's own garbage included. */
export function peakResidentBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/**
 * Makes tfjs report the maximum of its byte count. tfjs has no hook for that, so the counter of its state becomes an
 * accessor that remembers the largest value written. Repeated calls do nothing.
 */
export function watchTensors(): Meter {
  const state = tf.engine().state;
  if (meter?.state === state) return meter;
  let bytes = state.numBytes;
  const watching: Meter = { state, peak: bytes };
  Object.defineProperty(state, "numBytes", {
    configurable: true,
    enumerable: true,
    get: () => bytes,
    set(value: number) {
      bytes = value;
      if (value > watching.peak) watching.peak = value;
    },
  });
  meter = watching;
  return watching;
}
