import * as tf from "@tensorflow/tfjs-core";
import { FLOAT32_ONLY, firstLine, type Arithmetic, type Availability, type BackendDriver } from "./driver.ts";
import { resolveOptional } from "./optional-package.ts";
import type { EngineSettings } from "./settings.ts";
import { DAWN, dawnEntry, hoistEnables, loadDawn, type GpuAdapter } from "./webgpu/dawn.ts";
import { setConvolutionOperands } from "./webgpu/convolution-kernels.ts";
import { DeviceHealth } from "./webgpu/device-health.ts";
import {
  createLimbeckWebgpuBackend,
  type DeviceBytes,
  type LimbeckWebgpuBackend,
} from "./webgpu/limbeck-webgpu-backend.ts";
import { registerWebgpuKernels } from "./webgpu/register-kernels.ts";
import { TFJS_WEBGPU, type TfjsWebgpuPackage } from "./webgpu/tfjs-webgpu.ts";
import { hasGraphicsDriver } from "./webgpu/vulkan.ts";

/** The limits that are raised from WebGPU's guaranteed minimum to what the adapter has. */
const RAISED_LIMITS = [
  "maxBufferSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
] as const;

/** What the programs of tfjs and of the fused block count on; WebGPU guarantees it, so less is a driver that keeps no promises. */
const NEEDED_LIMITS: Readonly<Record<string, number>> = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBuffersPerShaderStage: 8,
};

/** The features that are asked for where the adapter has them. */
const WANTED_FEATURES = ["timestamp-query", "shader-f16"];

/** With 16-bit floats on the device: operands of convolutions are halves at precision `default`. */
const HALF_CONVOLUTIONS: Arithmetic = { ...FLOAT32_ONLY, default: "float32/float16" };

let found: Availability | undefined;
let health: DeviceHealth | undefined;
let backend: LimbeckWebgpuBackend | undefined;

/** tfjs on WebGPU by Dawn: any modern graphics card, no CUDA. Both packages are optional. */
export const webgpuDriver: BackendDriver = {
  name: "webgpu",
  async probe(settings) {
    if (health?.lost === true) forgetDevice();
    if (found?.available === true) return found;
    const dawn = dawnEntry();
    const tfjs = resolveOptional(TFJS_WEBGPU);
    const missing = [...(dawn === undefined ? [DAWN] : []), ...(tfjs === undefined ? [TFJS_WEBGPU] : [])];
    if (dawn === undefined || tfjs === undefined) {
      return {
        available: false,
        reason: `not installed: ${missing.join(", ")}`,
        fix: `run \`npm install ${missing.join(" ")}\` in the folder you work in`,
      };
    }
    if (!hasGraphicsDriver()) {
      return {
        available: false,
        reason: "no Vulkan driver is installed",
        fix: "install the graphics card's driver with Vulkan, or name its manifest in VK_DRIVER_FILES",
      };
    }
    try {
      found = await load(dawn, tfjs, settings);
    } catch (error) {
      found = {
        available: false,
        reason: `Dawn does not start: ${firstLine(error)}`,
        fix: "update the graphics driver",
      };
    }
    return found;
  },
  // The probe has registered the back end: a device can be requested from an adapter only once.
  prepare({ precision }) {
    registerWebgpuKernels();
    const isHalf = found?.available === true && found.arithmetic[precision].endsWith("/float16");
    setConvolutionOperands(isHalf ? "half" : "float32");
  },
};

/** True for adapters that compute on the processor, such as SwiftShader and llvmpipe. */
export function isSoftwareAdapter(description: string): boolean {
  return /swiftshader|llvmpipe|lavapipe|software|microsoft basic render/i.test(description);
}

/** Memory of the device in use by this process, or undefined where WebGPU was never started. */
export function webgpuBytes(): DeviceBytes | undefined {
  return backend?.deviceBytes();
}

/** Starts the peak of {@link webgpuBytes} afresh. */
export function resetWebgpuPeak(): void {
  backend?.resetPeak();
}

/** Gives the device the buffers back that are kept for reuse. */
export function trimWebgpu(): void {
  backend?.trim();
}

/** What an adapter lacks, as `limit (wanted, got)`; empty for a good one. */
export function missingLimits(limits: GpuAdapter["limits"]): string[] {
  return Object.entries(NEEDED_LIMITS)
    .filter(([name, least]) => !((limits[name] ?? 0) >= least))
    .map(([name, least]) => `${name} (${least} wanted, ${limits[name] ?? "nothing"} got)`);
}

/** After a loss: the next probe asks for a new device. Tensors that were on the old one are gone. */
function forgetDevice(): void {
  tf.removeBackend("webgpu");
  found = undefined;
  health = undefined;
  backend = undefined;
}

async function load(
  dawnEntry: string,
  tfjsEntry: string,
  { deviceMemory }: EngineSettings,
): Promise<Availability> {
  const gpu = await loadDawn(dawnEntry);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) {
    return {
      available: false,
      reason: "Dawn finds no graphics adapter",
      fix: "install a driver with Vulkan, Metal or Direct3D 12",
    };
  }
  const name = nameOf(adapter);
  const missing = missingLimits(adapter.limits);
  if (missing.length > 0) {
    return {
      available: false,
      reason: `the driver of "${name}" is too weak: ${missing.join(", ")}`,
      fix: "update the graphics driver",
    };
  }
  const tfjs = commonJs<TfjsWebgpuPackage>((await import(tfjsEntry)) as object);
  const device = await adapter.requestDevice({
    requiredFeatures: WANTED_FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((limit) => [limit, adapter.limits[limit]])),
  });
  hoistEnables(device);
  const watched = new DeviceHealth(device, name);
  health = watched;
  // The package registers a back end of its own where it finds `navigator.gpu`.
  if (tf.engine().registryFactory["webgpu"] !== undefined) tf.removeBackend("webgpu");
  tf.registerBackend("webgpu", () => {
    backend = createLimbeckWebgpuBackend(tfjs, device, adapter.info, watched, deviceMemory);
    return backend;
  });
  return {
    available: true,
    version: "WebGPU by Dawn",
    device: name,
    accelerated: !isSoftwareAdapter(name),
    threads: 1,
    arithmetic: device.features.has("shader-f16") ? HALF_CONVOLUTIONS : FLOAT32_ONLY,
    isa: "webgpu",
  };
}

function nameOf({ info }: GpuAdapter): string {
  const { vendor, architecture, device, description } = info;
  const name = [vendor, architecture, device, description].filter((part) => part !== "").join(" ");
  return name === "" ? "unnamed adapter" : name;
}

/** The exports of a module, whether Node wrapped it from CommonJS or not. */
function commonJs<T>(module: object): T {
  return ("default" in module && typeof module.default === "object" ? module.default : module) as T;
}
