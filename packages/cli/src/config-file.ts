import { readFileSync } from "node:fs";
import { ConfigError, PRECISIONS } from "@limbeck/core";
import { parse as parseYaml } from "yaml";
import { z } from "zod";

/** What a configuration file may say; options on the command line win over it. */
export const configFileSchema = z.strictObject({
  method: z.string().optional(),
  dataset: z.string().optional(),
  preset: z.string().optional(),
  /** Whiten the images: pixels as they are (true), or standardised first. */
  zca: z.union([z.boolean(), z.enum(["pixels", "standardised"])]).optional(),
  seed: z.int().min(0).optional(),
  out: z.string().optional(),
  backend: z.string().optional(),
  precision: z.enum(PRECISIONS).optional(),
  threads: z.int().min(1).optional(),
  samplesAtOnce: z.int().min(1).optional(),
  /** Keys of the method's own configuration; `limbeck methods ID` lists them. */
  config: z.record(z.string(), z.unknown()).optional(),
});

export type ConfigFile = z.output<typeof configFileSchema>;

/**
 * Reads a YAML or JSON file (JSON is YAML too) and checks it.
 *
 * @throws {ConfigError} if it cannot be read or parsed, or has an unknown key, naming the file.
 */
export function readConfigFile(path: string): ConfigFile {
  let value: unknown;
  try {
    value = parseYaml(readFileSync(path, "utf8")) ?? {};
  } catch (cause) {
    throw new ConfigError(`${path}: wanted a YAML or JSON configuration, got ${(cause as Error).message}`, {
      cause,
    });
  }
  const checked = configFileSchema.safeParse(value);
  if (!checked.success) throw new ConfigError(`${path}: ${z.prettifyError(checked.error)}`);
  return checked.data;
}
