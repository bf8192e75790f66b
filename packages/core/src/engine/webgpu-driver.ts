import * as tf from "@tensorflow/tfjs-core";
import { FLOAT32_ONLY, firstLine, type Availability, type BackendDriver } from "./driver.ts";
import { resolveOptional } from "./optional-package.ts";

/** Dawn, the WebGPU implementation, as a Node addon. */
const DAWN = "webgpu";
const BACKEND = "@tensorflow/tfjs-backend-webgpu";

/** The part of the WebGPU API that is used here. */
interface GpuAdapter {
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
  };
  readonly features: { has(name: string): boolean };
  readonly limits: Readonly<Record<string, number>>;
  requestDevice(descriptor: object): Promise<object>;
}

interface Dawn {
  readonly globals: object;
  create(options: readonly string[]): { requestAdapter(options: object): Promise<GpuAdapter | null> };
}

interface WebgpuPackage {
  readonly WebGPUBackend: new (device: object, info: object) => tf.KernelBackend;
}

/** The limits that large tensors need raised above WebGPU's guaranteed minimum. */
const RAISED_LIMITS = [
  "maxBufferSize",
  "maxComputeWorkgroupSizeX",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupsPerDimension",
  "maxComputeWorkgroupStorageSize",
  "maxStorageBufferBindingSize",
] as const;

let found: Availability | undefined;

/** tfjs on WebGPU by Dawn: any modern graphics card, no CUDA. Both packages are optional. */
export const webgpuDriver: BackendDriver = {
  name: "webgpu",
  async probe() {
    if (found?.available === true) return found;
    const dawn = resolveOptional(DAWN);
    const backend = resolveOptional(BACKEND);
    const missing = [...(dawn === undefined ? [DAWN] : []), ...(backend === undefined ? [BACKEND] : [])];
    if (dawn === undefined || backend === undefined) {
      return {
        available: false,
        reason: `not installed: ${missing.join(", ")}`,
        fix: `run \`npm install ${missing.join(" ")}\` in the folder you work in`,
      };
    }
    try {
      found = await load(dawn, backend);
    } catch (error) {
      found = {
        available: false,
        reason: `Dawn does not start: ${firstLine(error)}`,
        fix: "update the graphics driver",
      };
    }
    return found;
  },
  // The probe has registered it: a device can be requested from an adapter only once.
  prepare() {},
};

/** True for adapters that compute on the processor, such as SwiftShader and llvmpipe. */
export function isSoftwareAdapter(description: string): boolean {
  return /swiftshader|llvmpipe|lavapipe|software|microsoft basic render/i.test(description);
}

async function load(dawnEntry: string, backendEntry: string): Promise<Availability> {
  const dawn = commonJs<Dawn>((await import(dawnEntry)) as object);
  Object.assign(globalThis, dawn.globals);
  const gpu = dawn.create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) {
    return {
      available: false,
      reason: "Dawn finds no graphics adapter",
      fix: "install a driver with Vulkan, Metal or Direct3D 12",
    };
  }
  const { WebGPUBackend } = commonJs<WebgpuPackage>((await import(backendEntry)) as object);
  offerToBackend(gpu);
  const device = await adapter.requestDevice({
    requiredFeatures: ["timestamp-query", "bgra8unorm-storage"].filter((name) => adapter.features.has(name)),
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]])),
  });
  if (tf.engine().registryFactory["webgpu"] === undefined) {
    tf.registerBackend("webgpu", () => new WebGPUBackend(device, adapter.info));
  }
  const { vendor, architecture, device: card, description } = adapter.info;
  const name = [vendor, architecture, card, description].filter((part) => part !== "").join(" ");
  return {
    available: true,
    version: "WebGPU by Dawn",
    device: name === "" ? "unnamed adapter" : name,
    accelerated: !isSoftwareAdapter(name),
    threads: 1,
    arithmetic: FLOAT32_ONLY,
    isa: "webgpu",
  };
}

/** The back end looks for `navigator.gpu` when it starts. Newer versions of Node have a `navigator` of their own. */
function offerToBackend(gpu: object): void {
  const navigator = (globalThis as { navigator?: object }).navigator ?? {};
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
}

/** The exports of a module, whether Node wrapped it from CommonJS or not. */
function commonJs<T>(module: object): T {
  return ("default" in module && typeof module.default === "object" ? module.default : module) as T;
}
