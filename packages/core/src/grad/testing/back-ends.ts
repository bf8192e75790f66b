/** Test support: the back ends of this machine, registered directly. */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import * as native from "@limbeck/native";
import { registerReferenceBackEnd } from "./reference-conv-block.ts";

/**
 * Registers and starts every back end that this machine has: `cpu` first; `reference` (plain JavaScript with the kernels of
 * the fused block); `native` where it is built.
 */
export async function availableBackEnds(): Promise<readonly string[]> {
  const names = ["cpu", "wasm", "reference"];
  registerReferenceBackEnd();
  const register = (native as Partial<Record<string, unknown>>)["registerNativeBackend"];
  if (typeof register === "function") {
    try {
      (register as () => void)();
      names.push("native");
    } catch {
      // Not built here: the others are tested.
    }
  }
  const working: string[] = [];
  for (const name of names) if (await tf.setBackend(name)) working.push(name);
  await tf.setBackend("cpu");
  return working;
}
