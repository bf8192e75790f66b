import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Variables that name drivers to Vulkan's loader. */
const VARIABLES = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"];

/**
 * Whether Linux has any Vulkan driver: a manifest in one of the places where Vulkan's loader looks. Asked before Dawn is loaded, which takes
 * a while and prints warnings where there is none. True on other systems, which come with Metal or Direct3D.
 */
export function hasGraphicsDriver(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  system: string = process.platform,
): boolean {
  if (system !== "linux") return true;
  const list = (text: string | undefined) => (text ?? "").split(":").filter((path) => path !== "");
  if (VARIABLES.some((name) => list(environment[name]).some((path) => existsSync(path)))) return true;
  const home = environment["HOME"] ?? homedir();
  const roots = [
    environment["XDG_CONFIG_HOME"] ?? join(home, ".config"),
    environment["XDG_DATA_HOME"] ?? join(home, ".local", "share"),
    ...list(environment["XDG_CONFIG_DIRS"]),
    ...list(environment["XDG_DATA_DIRS"]),
    "/etc",
    "/etc/xdg",
    "/usr/local/etc",
    "/usr/local/share",
    "/usr/share",
    "/run/opengl-driver/share",
  ];
  return roots.some((root) => hasManifest(join(root, "vulkan", "icd.d")));
}

function hasManifest(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.endsWith(".json"));
  } catch {
    return false;
  }
}
