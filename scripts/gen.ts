import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { basename, extname, join, relative } from "node:path";
import { format, resolveConfig } from "prettier";
import { methodPackages, registrySource, withMethodDependencies, type Manifest } from "./method-registry.ts";
import {
  accuracyUpdatesPlot,
  labelBytesTable,
  readPublished,
  readRecords,
  realSize,
  recordsTable,
  scoreTable,
} from "@limbeck/benchmarks";
import { methodsOf, methodTable } from "./method-table.ts";

/**
 * Writes what follows from the folders of packages/methods (the harness's registry, its dependencies, the table of methods in
 * README.md) and from benchmarks/records (the tables of results, pictures of accuracy by updates), the tables between markers. With `--check` nothing is
 * written and a stale file is an error.
 */
const ROOT = join(import.meta.dirname, "..");
const CHECK = process.argv.includes("--check");

const packages = await methodPackages(join(ROOT, "packages", "methods"));
await update("benchmarks/src/methods.gen.ts", () => Promise.resolve(registrySource(packages)));
await update("benchmarks/package.json", (present) => {
  const manifest = JSON.parse(present) as Manifest;
  const wanted = withMethodDependencies(manifest, packages);
  return Promise.resolve(wanted === manifest ? present : JSON.stringify(wanted));
});
const records = readRecords(join(ROOT, "benchmarks", "records", "accuracy.jsonl"));
// One network says little, and other networks are another question: such records are in the packages' tables alone.
const published = readPublished(join(ROOT, "benchmarks", "records", "published.yaml"));
const told = recordsTable(
  records.filter(({ seeds, network }) => seeds.length >= 3 && network.startsWith("convnet3")),
  published,
);
await update("README.md", async (present) =>
  between("records", told, between("methods", await methodTable(ROOT, packages), present)),
);
for (const each of packages) {
  const ids = new Set((await methodsOf(each)).map(({ id }) => id));
  if (ids.size === 0) continue;
  const own = records.filter(({ method }) => ids.has(method));
  await update(`${relative(ROOT, each.folder)}/README.md`, (present) =>
    Promise.resolve(between("records", recordsTable(own, published), present)),
  );
  const picture = `benchmarks/records/updates-${basename(each.folder)}.svg`;
  if (existsSync(join(ROOT, picture))) await update(picture, () => accuracyUpdatesPlot(own, published));
}
const labels = join(ROOT, "benchmarks", "records", "labels.jsonl");
if (existsSync(labels)) {
  await update("packages/methods/label-lightening/README.md", (present) =>
    Promise.resolve(between("records", labelBytesTable(readRecords(labels)), present)),
  );
}
/** Records of whole sweeps, and the README that tells them. */
const SWEEPS = {
  sweep: "benchmarks/README.md",
  distances: "packages/methods/attention-matching/README.md",
  trajectories: "packages/methods/trajectory-matching/README.md",
} as const;
for (const [name, readme] of Object.entries(SWEEPS)) {
  const swept = join(ROOT, "benchmarks", "records", `${name}.jsonl`);
  if (!existsSync(swept)) continue;
  await update(readme, (present) =>
    Promise.resolve(between(name, scoreTable(readRecords(swept), realSize), present)),
  );
}

/** `text` with `table` between the markers `<!-- NAME:start -->` and `<!-- NAME:end -->`; unchanged where there are none. */
function between(name: string, table: string, text: string): string {
  const markers = new RegExp(`(<!-- ${name}:start -->\\n)[\\s\\S]*?(<!-- ${name}:end -->)`);
  return text.replace(markers, (_, start: string, end: string) => `${start}\n${table}\n\n${end}`);
}

/** Replaces a file by what `make` makes of it, or, with `--check`, tells whether that would change it. */
async function update(path: string, make: (present: string) => Promise<string>): Promise<void> {
  const file = join(ROOT, path);
  const present = await readFile(file, "utf8").catch(() => "");
  const made = await make(present);
  if (made === present) return;
  const wanted = [".md", ".svg"].includes(extname(path))
    ? made
    : await format(made, { ...(await resolveConfig(file)), filepath: file });
  if (wanted === present) return;
  if (!CHECK) await writeFile(file, wanted);
  else process.exitCode = 1;
  console.log(CHECK ? `gen: ${path} is stale; run \`pnpm gen\`` : `gen: wrote ${path}`);
}
