import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

/**
 * Starts tfjs on what this browser has: WebAssembly, whose binary the page carries.
 *
 * @returns Name of the back end, for people.
 */
export async function startBackend(wasm: Uint8Array): Promise<string> {
  // The page may load nothing: whatever tfjs asks for is the binary that came with it.
  self.fetch = () =>
    Promise.resolve(
      new Response(wasm as Uint8Array<ArrayBuffer>, { headers: { "Content-Type": "application/wasm" } }),
    );
  setWasmPaths("./");
  if (!(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"))) {
    throw new Error("this browser has no WebAssembly with SIMD; a newer one trains here");
  }
  if (!(await tf.setBackend("wasm")))
    throw new Error("tfjs could not start its WebAssembly back end in this browser");
  await tf.ready();
  return "WebAssembly";
}
