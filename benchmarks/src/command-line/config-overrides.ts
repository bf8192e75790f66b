import { ConfigError } from "@limbeck/core";
import { parse as parseYaml } from "yaml";

/** A configuration before its schema has seen it. */
export type RawConfig = Readonly<Record<string, unknown>>;

/**
 * `["imageLearningRate=0.1", "augment.kind=none"]` as a tree. Values are read as YAML: numbers, booleans, lists, text.
 *
 * @throws {ConfigError} on an entry without `=` or an empty key.
 */
export function parseOverrides(entries: readonly string[]): RawConfig {
  let config: RawConfig = {};
  for (const entry of entries) {
    const at = entry.indexOf("=");
    const path = entry.slice(0, Math.max(at, 0)).split(".");
    if (at < 1 || path.some((part) => part.length === 0)) {
      throw new ConfigError(
        `--set: wanted key=value, got "${entry}"; nested keys are joined by dots, as in augment.kind=none`,
      );
    }
    config = mergeConfig(config, nest(path, parseValue(entry.slice(at + 1))));
  }
  return config;
}

function nest(path: readonly string[], value: unknown): RawConfig {
  const [head, ...rest] = path as readonly [string, ...string[]];
  return { [head]: rest.length === 0 ? value : nest(rest, value) };
}

function parseValue(text: string): unknown {
  try {
    return parseYaml(text) as unknown;
  } catch {
    return text;
  }
}

/** `over` on top of `under`: objects are joined key by key, everything else is replaced. */
export function mergeConfig(under: RawConfig, over: RawConfig): RawConfig {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isTree(below) && isTree(value) ? mergeConfig(below, value) : value;
  }
  return merged;
}

function isTree(value: unknown): value is RawConfig {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
