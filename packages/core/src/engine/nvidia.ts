import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const LINUX_GPUS = "/proc/driver/nvidia/gpus";

/**
 * Whether the system shows an NVIDIA driver. Asked before TensorFlow is loaded only to look for CUDA, because loading
 * it takes a second and half a gigabyte.
 */
export function hasNvidiaDriver(): boolean {
  if (process.platform === "win32") {
    return existsSync(join(process.env["SystemRoot"] ?? "C:\\Windows", "System32", "nvcuda.dll"));
  }
  // /dev/dxg: the graphics card of the host under the Windows Subsystem for Linux.
  return ["/dev/nvidiactl", LINUX_GPUS, "/dev/dxg"].some((path) => existsSync(path));
}

/** Name of the first NVIDIA card as its driver reports it, else `NVIDIA GPU`. */
export function nvidiaModel(): string {
  try {
    for (const card of readdirSync(LINUX_GPUS)) {
      const model = /^Model:\s*(.+)$/m.exec(readFileSync(join(LINUX_GPUS, card, "information"), "utf8"))?.[1];
      if (model !== undefined) return model.trim();
    }
  } catch {
    // No such folder on other systems.
  }
  return "NVIDIA GPU";
}
