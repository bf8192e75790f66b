/** Test support: the back ends of this machine, registered directly. */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { loadNative, registerNativeBackend, setPrecision } from "@limbeck/native";
import { registerReferenceBackEnd } from "./reference-conv-block.ts";

/**
 * Registers and starts every back end that this machine has: `cpu` first; `wasm`; `reference` (plain JavaScript with the
 * kernels of the fused block); `native`, in float32, where it is built.
 */
export async function availableBackEnds(): Promise<readonly string[]> {
  const names = ["cpu", "wasm", "reference"];
  registerReferenceBackEnd();
  if (loadNative().available) {
    registerNativeBackend();
    setPrecision("highest");
    names.push("native");
  }
  const working: string[] = [];
  for (const name of names) if (await tf.setBackend(name)) working.push(name);
  await tf.setBackend("cpu");
  return working;
}
