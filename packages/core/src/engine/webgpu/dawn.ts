import { resolveOptional } from "../optional-package.ts";

/** Dawn, the WebGPU implementation, as a Node addon. */
export const DAWN = "webgpu";

/** The parts of the WebGPU API that are used here. */
export interface GpuBuffer {
  readonly size: number;
  readonly mapState: "unmapped" | "pending" | "mapped";
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

export interface GpuError {
  readonly message: string;
}

export interface GpuDevice {
  readonly limits: Readonly<Record<string, number>>;
  readonly features: { has(name: string): boolean };
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  addEventListener(type: "uncapturederror", listener: (event: { readonly error: GpuError }) => void): void;
  createBuffer(descriptor: object): GpuBuffer;
  createShaderModule(descriptor: { readonly code: string }): object;
  destroy(): void;
}

export interface GpuAdapter {
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
  };
  readonly features: { has(name: string): boolean };
  readonly limits: Readonly<Record<string, number>>;
  requestDevice(descriptor: object): Promise<GpuDevice>;
}

/**
 * Lets programs say `enable …;` on a line of its own anywhere: WGSL wants it first, where tfjs has its own declarations.
 */
export function hoistEnables(device: GpuDevice): void {
  const own = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    const enables = descriptor.code.match(/^enable \w+;$/gm);
    if (enables === null) return own(descriptor);
    const rest = descriptor.code.replaceAll(/^enable \w+;$/gm, "");
    return own({ ...descriptor, code: [...enables, rest].join("\n") });
  };
}

interface Gpu {
  requestAdapter(options: object): Promise<GpuAdapter | null>;
}

interface DawnModule {
  readonly globals: Readonly<Record<string, { readonly prototype: Record<string, unknown> }>>;
  create(options: readonly string[]): Gpu;
}

/** Calls after which Dawn has something to tell later. */
const ASYNCHRONOUS: readonly (readonly [string, string])[] = [
  ["GPU", "requestAdapter"],
  ["GPUAdapter", "requestDevice"],
  ["GPUBuffer", "mapAsync"],
  ["GPUQueue", "onSubmittedWorkDone"],
  ["GPUDevice", "popErrorScope"],
  ["GPUDevice", "createComputePipelineAsync"],
];

/** How often Dawn is asked in a row before the waiting thread sleeps a little between two questions. */
const EAGER_QUESTIONS = 100;
const NAP_MILLISECONDS = 0.1;

/** Dawn's next look at what the device has finished, which it asked `setImmediate` for. */
let look: (() => void) | undefined;
const nap = new Int32Array(new SharedArrayBuffer(4));

/**
 * Loads Dawn, or finds it loaded, and offers it where the back end looks for it: `navigator.gpu`.
 *
 * Dawn looks after its promises in callbacks that it hands to `setImmediate` while one of its own functions runs. They are kept here too, so
 * that {@link waitForDawn} can call them without going back to the event loop: that is how `dataSync` works on WebGPU.
 */
export async function loadDawn(entry: string): Promise<Gpu> {
  const dawn = (await import(entry)) as DawnModule;
  Object.assign(globalThis, dawn.globals);
  for (const [type, method] of ASYNCHRONOUS) {
    const prototype = dawn.globals[type]!.prototype;
    const own = prototype[method] as { keepsLook?: true } & ((...args: unknown[]) => unknown);
    if (own.keepsLook === true) continue;
    const keeping = function (this: unknown, ...args: unknown[]): unknown {
      return keepLook(() => own.apply(this, args));
    };
    prototype[method] = Object.assign(keeping, { keepsLook: true });
  }
  const gpu = dawn.create([]);
  // Newer versions of Node have a `navigator` of their own.
  const navigator = (globalThis as { navigator?: object }).navigator ?? {};
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  return gpu;
}

/** Entry of the installed package, else undefined. */
export function dawnEntry(): string | undefined {
  return resolveOptional(DAWN);
}

/** Blocks until `done()`, letting Dawn see what the device has finished; returns false where Dawn waits for nothing any more. */
export function waitForDawn(done: () => boolean): boolean {
  for (let questions = 0; !done(); questions++) {
    if (look === undefined) return false;
    lookNow();
    if (questions > EAGER_QUESTIONS) Atomics.wait(nap, 0, 0, NAP_MILLISECONDS);
  }
  return true;
}

function lookNow(): void {
  const now = look;
  look = undefined;
  if (now !== undefined) keepLook(now);
}

function keepLook<T>(call: () => T): T {
  const inForce = globalThis.setImmediate;
  const keep = (callback: () => void): unknown => {
    look = callback;
    return inForce(lookNow);
  };
  globalThis.setImmediate = keep as typeof setImmediate;
  try {
    return call();
  } finally {
    globalThis.setImmediate = inForce;
  }
}
