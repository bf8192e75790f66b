import * as nativePackage from "@limbeck/native";
import { cpuModel } from "./machine.ts";
import type { Availability, BackendDriver } from "./driver.ts";
import type { EngineSettings, Precision } from "./settings.ts";

interface NativeModule {
  loadNative():
    | { readonly available: true }
    | { readonly available: false; readonly reason: string; readonly fix: string };
  registerNativeBackend(): void;
  setThreadCount(count: number): void;
  threadCount(): number;
  setPrecision(precision: Precision): void;
  isa(): string;
  nativeMemory(): { readonly bytes: number; readonly peakBytes: number };
}
const native = nativePackage as unknown as NativeModule;

/** Limbeck's own C++ back end; reports why where it was not built. */
export const nativeDriver = {
  name: "native",
  probe(settings: EngineSettings): Promise<Availability> {
    if (!("loadNative" in native))
      return Promise.resolve({ available: false, reason: "not built", fix: "build" });
    const loaded = native.loadNative();
    if (!loaded.available) return Promise.resolve(loaded);
    return Promise.resolve({
      available: true,
      version: "0",
      device: cpuModel(),
      accelerated: false,
      threads: settings.threads,
      arithmetic: { highest: "float32", high: "float32", default: "float32" },
      isa: native.isa(),
    });
  },
  prepare(settings: EngineSettings): void {
    native.registerNativeBackend();
    native.setThreadCount(settings.threads);
    native.setPrecision(settings.precision);
  },
  memory() {
    return "loadNative" in native && native.loadNative().available
      ? native.nativeMemory()
      : { bytes: 0, peakBytes: 0 };
  },
  resetPeak(): void {},
} satisfies BackendDriver & { resetPeak(): void };
