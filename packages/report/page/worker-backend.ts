import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import "@tensorflow/tfjs-backend-webgl";
import * as tf from "@tensorflow/tfjs-core";
import type { BackendChoice } from "./training-messages.ts";

/** Renderers that compute on the processor, slower than WebAssembly does. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/**
 * Starts tfjs on what this browser has: the graphics processor by WebGL where it is a real one and counts in 32 bits, else
 * WebAssembly, whose binary the page carries.
 *
 * @returns Name of the back end, for people.
 * @throws {Error} for people, where the choice cannot be had.
 */
export async function startBackend(wasm: Uint8Array, choice: BackendChoice): Promise<string> {
  if (choice === "webgl" || (choice === "auto" && isHardware())) {
    if ((await started("webgl")) && tf.env().getBool("WEBGL_RENDER_FLOAT32_ENABLED")) return "WebGL";
    if (choice === "webgl")
      throw new Error("this browser has no WebGL that counts in 32 bits; choose another back end");
  }
  // The page may load nothing: whatever tfjs asks for is the binary that came with it.
  self.fetch = () =>
    Promise.resolve(
      new Response(wasm as Uint8Array<ArrayBuffer>, { headers: { "Content-Type": "application/wasm" } }),
    );
  setWasmPaths("./");
  if (!(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"))) {
    throw new Error("this browser has neither WebGL nor WebAssembly with SIMD; a newer one trains here");
  }
  if (!(await started("wasm")))
    throw new Error("tfjs could not start its WebAssembly back end in this browser");
  return "WebAssembly";
}

async function started(name: string): Promise<boolean> {
  try {
    if (!(await tf.setBackend(name))) return false;
    await tf.ready();
    return true;
  } catch {
    return false;
  }
}

function isHardware(): boolean {
  const context = new OffscreenCanvas(1, 1).getContext("webgl2");
  const names = context?.getExtension("WEBGL_debug_renderer_info");
  if (context === null || names == null) return false;
  return !SOFTWARE.test(String(context.getParameter(names.UNMASKED_RENDERER_WEBGL)));
}
