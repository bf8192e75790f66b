/** Test support: WebGPU on SwiftShader, the Vulkan driver on the processor that Debian's chromium package brings. */
import { existsSync } from "node:fs";
import { constants } from "node:os";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../engine/engine.ts";
import { resolveSettings } from "../engine/settings.ts";
import { webgpuDriver } from "../engine/webgpu-driver.ts";

const CHROMIUM = "/usr/lib/chromium";
const DRIVER = `${CHROMIUM}/vk_swiftshader_icd.json`;
const LOADER = `${CHROMIUM}/libvulkan.so.1`;
/** Linux's dlopen flag that keeps a library after it is closed. */
const RTLD_NODELETE = 0x1000;

/**
 * Starts the WebGPU back end: on the machine's own Vulkan driver where it has one, else on SwiftShader where chromium is installed.
 *
 * @returns Why it cannot be had, else undefined: the back end is then in force.
 */
export async function startWebgpu(): Promise<string | undefined> {
  if (process.env["VK_DRIVER_FILES"] === undefined && existsSync(DRIVER) && existsSync(LOADER)) {
    process.env["VK_DRIVER_FILES"] = DRIVER;
    keepLoaded(LOADER);
  }
  const found = await webgpuDriver.probe(resolveSettings("webgpu", {}, {}));
  if (!found.available) return `${found.reason}; ${found.fix}`;
  await useBackend("webgpu");
  return tf.getBackend() === "webgpu" ? undefined : "webgpu did not start";
}

/** Loads a library that is not where the system looks, so that Dawn finds it by its name. */
function keepLoaded(library: string): void {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch {
    // It is no addon of Node, but loaded it is.
  }
}
