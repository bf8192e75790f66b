import type { DistillationMethod } from "@limbeck/core";
import { mergeConfig, type RawConfig } from "./config-overrides.ts";

/** The layers over a preset, later ones winning; nested keys that only the preset has are kept. */
export function layeredConfig(
  method: DistillationMethod,
  preset: string | undefined,
  layers: readonly RawConfig[],
): RawConfig {
  const base = preset === undefined ? undefined : method.presets[preset]?.config;
  return layers.reduce(mergeConfig, (base ?? {}) as RawConfig);
}
