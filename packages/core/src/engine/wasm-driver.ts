import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { setThreadsCount, setWasmPaths, version_wasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { firstLine, FLOAT32_ONLY, type Availability, type BackendDriver } from "./driver.ts";
import { cpuModel } from "./machine.ts";
import type { EngineSettings } from "./settings.ts";

/** Folder of the compiled WebAssembly files, wherever the process was started. */
function wasmFolder(): string {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "wasm-out") + sep;
}

async function probe(settings: EngineSettings): Promise<Availability> {
  try {
    const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
    const threaded = await tf.env().getAsync("WASM_HAS_MULTITHREAD_SUPPORT");
    const file = `tfjs-backend-wasm${threaded ? "-threaded" : ""}${simd ? "-simd" : ""}.wasm`;
    if (!existsSync(join(wasmFolder(), file))) {
      return {
        available: false,
        reason: `${file} is missing from @tensorflow/tfjs-backend-wasm`,
        fix: "install the dependencies again",
      };
    }
    return {
      available: true,
      version: version_wasm,
      device: cpuModel(),
      accelerated: false,
      threads: threaded ? settings.threads : 1,
      arithmetic: FLOAT32_ONLY,
      isa: simd ? "simd128" : "wasm",
    };
  } catch (error) {
    return { available: false, reason: firstLine(error), fix: "install the dependencies again" };
  }
}

/** tfjs compiled to WebAssembly. In Node it has one thread: tfjs switches its threaded build off there. */
export const wasmDriver: BackendDriver = {
  name: "wasm",
  probe,
  prepare(settings) {
    // tfjs refuses new paths and counts once the module is running.
    if (tf.engine().registry["wasm"] !== undefined) return;
    setWasmPaths(wasmFolder());
    setThreadsCount(settings.threads);
  },
};
