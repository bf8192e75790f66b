import { readFileSync } from "node:fs";
import {
  isa,
  isaProblem,
  loadNative,
  nativeMemory,
  registerNativeBackend,
  setPrecision,
  setThreadCount,
} from "@limbeck/native";
import type { Arithmetic, Availability, BackendDriver } from "./driver.ts";
import { cpuModel } from "./machine.ts";
import type { EngineSettings } from "./settings.ts";

/** Limbeck's own C++ back end: there wherever it was built at install. */
export const nativeDriver: BackendDriver = {
  name: "native",
  probe(settings: EngineSettings): Promise<Availability> {
    const loaded = loadNative();
    if (!loaded.available) return Promise.resolve(loaded);
    return Promise.resolve({
      available: true,
      version: ownVersion(),
      device: cpuModel(),
      accelerated: false,
      threads: settings.threads,
      arithmetic: arithmeticOf(isa()),
      isa: isaInWords(),
    });
  },
  prepare({ threads, precision }: EngineSettings): void {
    registerNativeBackend();
    setThreadCount(threads);
    setPrecision(precision);
  },
};

/** Both packages are published together. */
function ownVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** With what a better one that the processor has is not used for. */
function isaInWords(): string {
  const problem = isaProblem();
  return problem === "" ? isa() : `${isa()} (not ${problem})`;
}

/**
 * `high` convolves 3×3 filters by Winograd's minimal filtering, in float32. `default`: all products are bfloat16 in tiles (AMX);
 * else as `high`, and the products of other convolutions are bfloat16 where the AVX-512 kernels find the instructions for it.
 */
function arithmeticOf(isa: string): Arithmetic {
  const high = "float32-winograd";
  if (isa === "amx") return { highest: "float32", high, default: "bfloat16" };
  const pairs = isa === "avx512" && process.platform === "linux" && hasFlag("avx512_bf16");
  return { highest: "float32", high, default: pairs ? `${high}/bfloat16` : high };
}

function hasFlag(flag: string): boolean {
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
  return flags.split(" ").includes(flag);
}

/** Bytes that the native back end holds beyond live tensors, and the most it ever held, tensors included. */
export function nativeBytes(): {
  readonly beyondTensors: number;
  readonly scratch: number;
  readonly peak: number;
} {
  if (!loadNative().available) return { beyondTensors: 0, scratch: 0, peak: 0 };
  const { bytes, scratchBytes, peakBytes } = nativeMemory();
  return { beyondTensors: bytes, scratch: scratchBytes, peak: peakBytes };
}

/** Starts the peak of {@link nativeBytes} afresh. */
export function resetNativePeak(): void {
  if (loadNative().available) nativeMemory().resetPeak();
}
