import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import type { DistillationMethod } from "@limbeck/core";
import type { MethodPackage } from "./method-registry.ts";

/** Methods as a Markdown table: name, title, package and how many presets of each status. */
export async function methodTable(root: string, packages: readonly MethodPackage[]): Promise<string> {
  const rows = await Promise.all(packages.map((each) => packageRows(root, each)));
  return ["| Method | What | Package | Presets |", "| - | - | - | - |", ...rows.flat()].join("\n");
}

/** The methods of a package. */
export async function methodsOf({ folder, methods }: MethodPackage): Promise<DistillationMethod[]> {
  const index = pathToFileURL(join(folder, "src", "index.ts")).href;
  const exported = (await import(index)) as Record<string, DistillationMethod>;
  return methods.map((key) => exported[key]!);
}

async function packageRows(root: string, each: MethodPackage): Promise<string[]> {
  const link = `[${each.name}](${relative(root, each.folder).replaceAll("\\", "/")})`;
  return (await methodsOf(each)).map(({ id, title, presets }) => {
    return `| \`${id}\` | ${title} | ${link} | ${presetCell(presets)} |`;
  });
}

/** `2 reported, 1 sample`. */
function presetCell(presets: DistillationMethod["presets"]): string {
  const counts = new Map<string, number>();
  for (const { status } of Object.values(presets)) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} ${status}`).join(", ");
}
