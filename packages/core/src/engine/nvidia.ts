import { execFileSync } from "node:child_process";
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

/** An NVIDIA card; what the system does not tell is null. */
export interface NvidiaCard {
  readonly name: string;
  /** Bytes of its memory. */
  readonly memory: number | null;
  /** Version of the driver. */
  readonly driver: string | null;
}

/** Comes with the driver. */
const NVIDIA_SMI = "nvidia-smi";

let cards: readonly NvidiaCard[] | undefined;

/**
 * The card that CUDA computes on: the first that `CUDA_VISIBLE_DEVICES` names, else the first of the machine, as `nvidia-smi` tells
 * of it.
 */
export function nvidiaCard(visible = process.env["CUDA_VISIBLE_DEVICES"]): NvidiaCard {
  const index = Number.parseInt(visible ?? "0", 10);
  return (
    nvidiaCards()[Number.isNaN(index) ? 0 : index] ?? { name: nameFromDriver(), memory: null, driver: null }
  );
}

/** Every card of the machine as `nvidia-smi` tells; empty where it does not. */
export function nvidiaCards(): readonly NvidiaCard[] {
  cards ??= readCards();
  return cards;
}

function readCards(): NvidiaCard[] {
  const query = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"];
  try {
    return parseCards(execFileSync(NVIDIA_SMI, query, { encoding: "utf8", stdio: "pipe", timeout: 10_000 }));
  } catch {
    return [];
  }
}

/** One card a line: name, MiB, driver, as `nvidia-smi --format=csv,noheader,nounits` prints them. */
export function parseCards(text: string): NvidiaCard[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [name, mebibytes, driver] = line.split(",").map((part) => part.trim());
      const memory = Number(mebibytes) * 2 ** 20;
      return { name: name!, memory: Number.isFinite(memory) ? memory : null, driver: driver ?? null };
    });
}

function nameFromDriver(): string {
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
