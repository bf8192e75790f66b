import type { Command } from "commander";
import type { DistillationMethod } from "@limbeck/core";
import { z } from "zod";
import { withOutputOptions } from "../common-options.ts";
import { methodNamed, methods } from "@limbeck/benchmarks";
import { createOutput, type OutputOptions } from "../output.ts";

/** `limbeck methods [id]`: what there is, with every key, default and preset. */
export function registerMethods(program: Command): void {
  withOutputOptions(
    program
      .command("methods")
      .description("list the methods, or the configuration keys and presets of one")
      .argument("[id]", "method"),
  ).action((id: string | undefined, flags: OutputOptions) => {
    const output = createOutput(flags);
    if (id === undefined) {
      const rows = methods.map((method) => ({
        id: method.id,
        title: method.title,
        presets: Object.keys(method.presets),
      }));
      output.result(rows, rows.map((row) => `${row.id.padEnd(12)} ${row.title}`).join("\n"));
    } else {
      const method = methodNamed(id);
      const keys = configKeys(method);
      output.result(
        { id: method.id, title: method.title, cite: method.cite, keys, presets: method.presets },
        describeMethod(method, keys),
      );
    }
  });
}

interface ConfigKey {
  readonly key: string;
  readonly type: string;
  readonly default?: unknown;
  readonly description: string;
}

/** Keys of a method's schema, through its JSON Schema: the schema stays the only definition. */
function configKeys(method: DistillationMethod): ConfigKey[] {
  const schema = z.toJSONSchema(method.configSchema, { io: "input", unrepresentable: "any" });
  return Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const property = value as { type?: string; enum?: unknown[]; default?: unknown; description?: string };
    const type = property.enum !== undefined ? property.enum.join(" | ") : (property.type ?? "object");
    return {
      key,
      type,
      ...("default" in property ? { default: property.default } : {}),
      description: property.description ?? "",
    };
  });
}

function describeMethod(method: DistillationMethod, keys: readonly ConfigKey[]): string {
  const keyLines = keys.map(({ key, type, default: value, description }) => {
    const standard = value === undefined ? "required" : `default ${JSON.stringify(value)}`;
    return `  ${key} (${type}; ${standard})\n      ${description}`;
  });
  const presetLines = Object.entries(method.presets).map(
    ([name, preset]) =>
      `  ${name} [${preset.status}] ${preset.dataset}${preset.zca === undefined ? "" : `, ZCA of ${preset.zca === "pixels" ? "pixels" : "standardised pixels"}`}\n      ${preset.source}`,
  );
  return [
    `${method.id}: ${method.title}`,
    "",
    "Keys",
    ...keyLines,
    "",
    "Presets",
    ...presetLines,
    "",
    method.cite,
  ].join("\n");
}
