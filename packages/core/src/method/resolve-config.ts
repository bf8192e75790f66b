import { z } from "zod";
import { ConfigError } from "../errors.ts";
import type { DistillationMethod } from "./method.ts";

/** What a user gives for a configuration. */
export interface ConfigChoice<ConfigInput> {
  /** Name of one of the method's presets. */
  readonly preset?: string | undefined;
  /** Values that replace the preset's, key by key at the top level. */
  readonly config?: Partial<ConfigInput> | undefined;
  /** Images per class: short for `config: { ipc }`. */
  readonly ipc?: number | undefined;
}

/**
 * The complete configuration of a run: the preset's values, replaced by `config`, then by `ipc`, parsed once by the
 * method's schema, defaults filled in.
 *
 * @throws {ConfigError} naming the method and the preset, key or value that is wrong, and what is known or wanted.
 */
export function resolveConfig<Schema extends z.ZodType>(
  method: Pick<DistillationMethod<Schema>, "id" | "configSchema" | "presets">,
  choice: ConfigChoice<z.input<Schema>> = {},
): z.output<Schema> {
  const { preset, config = {}, ipc } = choice;
  const asked = (config as { ipc?: unknown }).ipc;
  if (ipc !== undefined && asked !== undefined && asked !== ipc) {
    throw new ConfigError(
      `${method.id} config: ipc is given twice, as ${ipc} and in the configuration as ${JSON.stringify(asked)}; give it once`,
    );
  }
  const input = { ...presetConfig(method, preset), ...config, ...(ipc === undefined ? {} : { ipc }) };
  const parsed = method.configSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues
      .map((issue) => `${method.id} config: ${explain(issue, input, method.configSchema)}`)
      .join("\n"),
    { cause: parsed.error },
  );
}

function presetConfig(method: Pick<DistillationMethod, "id" | "presets">, name: string | undefined): object {
  if (name === undefined) return {};
  const preset = Object.hasOwn(method.presets, name) ? method.presets[name] : undefined;
  if (preset !== undefined) return preset.config as object;
  const known = Object.keys(method.presets).join(", ") || "none";
  throw new ConfigError(`${method.id}: unknown preset "${name}"; known: ${known}`);
}

function explain(issue: z.core.$ZodIssue, input: unknown, schema: z.ZodType): string {
  const where = issue.path.length === 0 ? "" : `${issue.path.map(String).join(".")}: `;
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, issue.path);
    return `${where}${issue.message}${known.length === 0 ? "" : `; known: ${known.join(", ")}`}`;
  }
  const got = issue.path.reduce<unknown>(
    (node, key) => (node as Record<PropertyKey, unknown> | undefined)?.[key],
    input,
  );
  if (got === undefined) return `${where}missing; ${lowerFirst(issue.message)}`;
  return issue.code === "custom"
    ? `${where}${issue.message}`
    : `${where}${issue.message}, got ${JSON.stringify(got)}`;
}

/** Keys that the schema knows at `path`, from its JSON Schema; none where the path leads through a union. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonObject;
  const at = path.reduce<JsonObject | undefined>((node, key) => node?.properties?.[String(key)], json);
  return Object.keys(at?.properties ?? {});
}

interface JsonObject {
  readonly properties?: Readonly<Record<string, JsonObject>>;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
