import { ConfigError } from "@limbeck/core";
import { isAlias, isMap, isScalar, isSeq, type Document, type LineCounter, type Node } from "yaml";

/** Keys and positions that lead to a value of a sweep file, as `["grid", 0, "methods", 1, "preset"]`. */
export type SweepPath = readonly PropertyKey[];

/** One thing that is wrong with a sweep file. */
export interface SweepProblem {
  readonly path: SweepPath;
  readonly message: string;
}

/** Tells where in the file a path leads. */
export type Locate = (path: SweepPath) => string;

/** `line 3`, by the nearest part of the path that stands in the YAML text. */
export function yamlLocator(document: Document, lines: LineCounter): Locate {
  return (path) => {
    let node: Node | null = document.contents;
    let at = node?.range?.[0] ?? 0;
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(document) ?? null;
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
        // A list's only element may stand without the list: its position leads nowhere.
        if (pair === undefined) continue;
        at = (pair.key as Node).range?.[0] ?? at;
        node = pair.value as Node | null;
      } else if (isSeq(node) && typeof part === "number") {
        node = (node.items[part] ?? null) as Node | null;
        at = node?.range?.[0] ?? at;
      }
    }
    return `line ${lines.linePos(at).line}`;
  };
}

/** `grid[0].methods[1]`: where there is no text. */
export function pathLocator(path: SweepPath): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return text === "" ? "sweep" : text.replace(/^\./, "");
}

/** Every problem once, in the order of the file, as one error; undefined where there is none. */
export function problemsError(
  file: string,
  problems: readonly SweepProblem[],
  locate: Locate,
): ConfigError | undefined {
  if (problems.length === 0) return undefined;
  const lines = problems.map(({ path, message }) => ({ where: locate(path), message }));
  const lineOf = (where: string): number => Number(/^line (\d+)$/.exec(where)?.[1] ?? 0);
  lines.sort((a, b) => lineOf(a.where) - lineOf(b.where));
  const texts = [...new Set(lines.map(({ where, message }) => `${file}, ${where}: ${message}`))];
  return new ConfigError(texts.join("\n"));
}
