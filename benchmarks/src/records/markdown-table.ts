/** Rows of cells as a Markdown table; the columns named in `optional` are left out where all their cells are empty. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  optional: readonly string[] = [],
): string {
  const kept = head.map((name, i) => !optional.includes(name) || rows.some((cells) => cells[i] !== ""));
  return [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.filter((_, i) => kept[i]!).join(" | ")} |`)
    .join("\n");
}
