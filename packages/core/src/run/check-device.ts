import { engineInfo } from "../engine/engine.ts";
import { samplesAtOnce, SPLIT_BATCHES, underSamplesAtOnce } from "../engine/samples-at-once.ts";
import { BackendError, ConfigError } from "../errors.ts";
import type { Forecast } from "../method/method.ts";

/** Bounds that are tried, to name one under which a step fits. */
const TRIED = [256, 128, 64, 32, 16, 8, 4, 2, 1];
/** What TensorFlow, V8's typed arrays and C++ say when memory is not there. */
const OUT_OF_MEMORY = /\bOOM when allocating|out of memory|array buffer allocation failed|bad_alloc/i;

/**
 * Refuses a run that would not fit, before anything is written.
 *
 * @param forecast Of a step, under the `samplesAtOnce` in force.
 * @throws {ConfigError} if the forecast is above the device memory that may be used, where that is known; it names the largest
 *   bound of the samples at once under which it is not.
 */
export function checkDeviceMemory(method: string, forecast: () => Forecast): void {
  const { deviceMemory } = engineInfo();
  const { peakBytes } = forecast();
  if (deviceMemory === undefined || peakBytes <= deviceMemory) return;
  const split = TRIED.filter((samples) => samples < samplesAtOnce()).map((samples) => ({
    samples,
    bytes: underSamplesAtOnce(samples, () => forecast().peakBytes),
  }));
  const fitting = split.find(({ bytes }) => bytes <= deviceMemory);
  const advice =
    fitting === undefined
      ? "batches in smaller pieces (--samples-at-once) would not do; "
      : `--samples-at-once ${fitting.samples} (LIMBECK_SAMPLES_AT_ONCE) splits its batches, to about ${mebibytes(fitting.bytes)}; or `;
  throw new ConfigError(
    `${method}: a step wants about ${mebibytes(peakBytes)} on the device, ${mebibytes(deviceMemory)} may be used ` +
      `(LIMBECK_DEVICE_MEMORY); ${advice}lower \`realBatch\` or the images per class, allow more, or choose another back end`,
  );
}

/**
 * Runs one step; what the back end throws is told with its place and with the checkpoint that is kept, and the end of memory with
 * what to change.
 *
 * @throws {BackendError} in place of the back end's own, which is its cause.
 */
export function withPlace<T>(where: string, kept: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof BackendError)
      throw new BackendError(`${where}: ${error.message}${kept}`, { cause: error });
    if (error instanceof Error && OUT_OF_MEMORY.test(error.message)) {
      const [first] = error.message.split("\n");
      throw new BackendError(
        `${where}: memory ran out (${first}); ${SPLIT_BATCHES}, lower the batch or the images per class${kept}`,
        { cause: error },
      );
    }
    throw error;
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
