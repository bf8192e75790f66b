import type { BackendName } from "./backend-name.ts";
import { cpuDriver } from "./cpu-driver.ts";
import type { BackendDriver } from "./driver.ts";
import { nativeDriver } from "./native-driver.ts";
import { tensorflowDriver } from "./tensorflow-driver.ts";
import { wasmDriver } from "./wasm-driver.ts";
import { webgpuDriver } from "./webgpu-driver.ts";

/** One driver for every back end; forgetting one does not compile. */
export const drivers: Readonly<Record<BackendName, BackendDriver>> = {
  tensorflow: tensorflowDriver,
  webgpu: webgpuDriver,
  native: nativeDriver,
  wasm: wasmDriver,
  cpu: cpuDriver,
};
