import { engineInfo } from "../engine/engine.ts";
import { BackendError, ConfigError } from "../errors.ts";
import type { Forecast } from "../method/method.ts";

/**
 * Refuses a run that would not fit, before anything is written.
 *
 * @throws {ConfigError} if the forecast is above the device memory that may be used, where that is known.
 */
export function checkDeviceMemory(method: string, { peakBytes }: Forecast): void {
  const { deviceMemory } = engineInfo();
  if (deviceMemory === undefined || peakBytes <= deviceMemory) return;
  throw new ConfigError(
    `${method}: a step wants about ${mebibytes(peakBytes)} on the device, ${mebibytes(deviceMemory)} may be used ` +
      "(LIMBECK_DEVICE_MEMORY); lower `realBatch` or the images per class, allow more, or choose another back end",
  );
}

/**
 * Runs one step; what the back end throws is told with its place and with the checkpoint that is kept.
 *
 * @throws {BackendError} in place of the back end's own, which is its cause.
 */
export function withPlace<T>(where: string, kept: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    throw new BackendError(`${where}: ${error.message}${kept}`, { cause: error });
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
