import { ConfigError, type DistillationMethod } from "@limbeck/core";
import { methods } from "./methods.gen.ts";

/** @throws {ConfigError} on an unknown id, naming the known ones. */
export function methodNamed(id: string): DistillationMethod {
  const found = methods.find((method) => method.id === id);
  if (found !== undefined) return found;
  throw new ConfigError(`unknown method "${id}"; known: ${methods.map((method) => method.id).join(", ")}`);
}

/** Whether a method's preset is meant for whitened images. */
export function wantsZca(method: DistillationMethod | undefined, preset: string | undefined): boolean {
  return preset !== undefined && method?.presets[preset]?.zca === true;
}
