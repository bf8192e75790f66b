import { ConfigError, type DistillationMethod } from "@limbeck/core";
import { z } from "zod";
import { mergeConfig, type RawConfig } from "./config-overrides.ts";
import { methods } from "./methods.gen.ts";

/** @throws {ConfigError} on an unknown id, naming the known ones. */
export function methodNamed(id: string): DistillationMethod {
  const found = methods.find((method) => method.id === id);
  if (found !== undefined) return found;
  throw new ConfigError(`unknown method "${id}"; known: ${methods.map((method) => method.id).join(", ")}`);
}

/** A method's complete configuration: it has at least these two keys. */
export type CompleteConfig = Readonly<Record<string, unknown>> & { readonly ipc: number; readonly iterations: number };

/**
 * Configuration of a run: the preset, the layers over it in order, then the schema's defaults.
 *
 * @throws {ConfigError} on an unknown preset or key or a value out of range, naming method and key.
 */
export function resolveConfig(
  method: DistillationMethod,
  preset: string | undefined,
  layers: readonly RawConfig[],
): CompleteConfig {
  const base = preset === undefined ? {} : presetConfig(method, preset);
  const checked = method.configSchema.safeParse(layers.reduce(mergeConfig, base));
  if (checked.success) return checked.data as CompleteConfig;
  throw new ConfigError(
    `${method.id} config: ${z.prettifyError(checked.error)}\nlimbeck methods ${method.id} lists the keys and presets`,
  );
}

function presetConfig(method: DistillationMethod, name: string): RawConfig {
  const preset = Object.hasOwn(method.presets, name) ? method.presets[name] : undefined;
  if (preset !== undefined) return preset.config as RawConfig;
  throw new ConfigError(
    `${method.id}: unknown preset "${name}"; known: ${Object.keys(method.presets).join(", ")}`,
  );
}
