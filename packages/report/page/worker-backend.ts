import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import "@tensorflow/tfjs-backend-webgl";
import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import type { Candidate } from "../src/first-that-works.ts";
import type { BackendChoice, BackendName } from "./training-messages.ts";

/** Renderers that compute on the processor, slower than WebAssembly does. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|software|basic render/i;

/** The part of the browser's WebGPU that is used here. */
interface Gpu {
  requestAdapter(): Promise<{
    readonly isFallbackAdapter?: boolean;
    readonly info?: Readonly<Record<"vendor" | "architecture" | "device" | "description", string>>;
  } | null>;
}

/**
 * What this browser may compute on, the fastest first: the graphics processor by WebGPU or WebGL where it is a real one, and
 * WebAssembly, whose binary the page carries. One that starts has given right answers to small sums.
 */
export function backendCandidates(wasm: Uint8Array, choice: BackendChoice): Candidate[] {
  const all: Readonly<Record<BackendName, Candidate>> = {
    webgpu: { title: "WebGPU", unfit: unfitWebgpu, start: () => started("webgpu") },
    webgl: {
      title: "WebGL",
      unfit: () => Promise.resolve(unfitWebgl()),
      start: async () =>
        (await started("webgl")) ??
        (tf.env().getBool("WEBGL_RENDER_FLOAT32_ENABLED") ? undefined : "does not count in 32 bits here"),
    },
    wasm: { title: "WebAssembly", unfit: () => Promise.resolve(undefined), start: () => startWasm(wasm) },
  };
  return choice === "auto" ? Object.values(all) : [all[choice]];
}

async function unfitWebgpu(): Promise<string | undefined> {
  const { gpu } = navigator as { gpu?: Gpu };
  if (gpu === undefined) return "not in this browser";
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (adapter === null) return "no graphics processor";
  const { vendor = "", architecture = "", device = "", description = "" } = adapter.info ?? {};
  const software = SOFTWARE.test([vendor, architecture, device, description].join(" "));
  return adapter.isFallbackAdapter === true || software ? "a software renderer" : undefined;
}

function unfitWebgl(): string | undefined {
  const context = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (context === null) return "not in this browser";
  const names = context.getExtension("WEBGL_debug_renderer_info");
  const renderer = names === null ? "" : String(context.getParameter(names.UNMASKED_RENDERER_WEBGL));
  // Each page may have a few contexts only.
  context.getExtension("WEBGL_lose_context")?.loseContext();
  if (names === null) return "an unknown renderer";
  return SOFTWARE.test(renderer) ? "a software renderer" : undefined;
}

async function startWasm(wasm: Uint8Array): Promise<string | undefined> {
  // The page may load nothing: whatever tfjs asks for is the binary that came with it.
  self.fetch = () =>
    Promise.resolve(
      new Response(wasm as Uint8Array<ArrayBuffer>, { headers: { "Content-Type": "application/wasm" } }),
    );
  setWasmPaths("./");
  if (!(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"))) return "without SIMD in this browser";
  return started("wasm");
}

async function started(name: BackendName): Promise<string | undefined> {
  if (tf.findBackendFactory(name) === null) return "not in this browser";
  try {
    if (!(await tf.setBackend(name))) return "does not start";
    await tf.ready();
    return (await sumsAreRight()) ? undefined : "counts wrongly here";
  } catch (error) {
    return `does not start: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A product of matrices and a convolution whose results are known. */
async function sumsAreRight(): Promise<boolean> {
  const found = tf.tidy(() => {
    const product = tf.matMul(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2]));
    const image = tf.ones([1, 3, 3, 1]) as tf.Tensor4D;
    const counts = tf.conv2d(image, tf.ones([3, 3, 1, 1]) as tf.Tensor4D, 1, "same");
    return tf.concat([tf.reshape(product, [-1]), tf.reshape(counts, [-1])]);
  });
  const values = await found.data();
  found.dispose();
  return [19, 22, 43, 50, 4, 6, 4, 6, 9, 6, 4, 6, 4].every(
    (wanted, i) => Math.abs(values[i]! - wanted) < 0.01,
  );
}
