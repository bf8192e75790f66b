import * as fs from "node:fs";
import { join } from "node:path";
import { denormalise } from "../synthetic/set-tensors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { validateSyntheticSet } from "../synthetic/validate-set.ts";
import { classFolderNames } from "./class-folder-names.ts";
import { dataCard, type CardOptions } from "./data-card.ts";
import { createFolder } from "./durable-file.ts";
import { encodePngs } from "./png.ts";
import { hardLabels } from "./preview.ts";

/**
 * Writes a set as a folder of pictures: `train/<class>/00000.png`, numbered within each class, 8-bit and therefore
 * lossy for float images; `README.md`; and for soft labels `train/metadata.jsonl` with `file_name`, `label` (the
 * largest) and `soft_label` of each picture. Class names are made safe as folder names. Whole or not at all.
 *
 * @throws {DataError} if the set is not whole.
 * @throws {RunError} if `folder` has content, or cannot be written; nothing is left behind.
 */
export async function exportImageFolder(
  set: SyntheticSet,
  folder: string,
  options: CardOptions = {},
): Promise<void> {
  validateSyntheticSet(set);
  const pngs = await encodePngs(denormalise(set), set.shape);
  const names = classFolderNames(set.classes);
  const labels = hardLabels(set);
  const counts = set.classes.map(() => 0);
  const files = Array.from(
    labels,
    (label) => `${names[label]}/${String(counts[label]!++).padStart(5, "0")}.png`,
  );
  await createFolder(folder, async (part) => {
    for (const name of names) fs.mkdirSync(join(part, "train", name), { recursive: true });
    files.forEach((file, i) => fs.writeFileSync(join(part, "train", file), pngs[i]!));
    if (set.labels.kind === "soft") {
      fs.writeFileSync(join(part, "train", "metadata.jsonl"), metadataLines(set, files, labels));
    }
    const bytes = pngs.reduce((sum, png) => sum + png.length, 0);
    fs.writeFileSync(
      join(part, "README.md"),
      await dataCard(set, { ...options, layout: "image-folder", bytes }),
    );
  });
}

function metadataLines(
  { labels, classes }: SyntheticSet,
  files: readonly string[],
  hard: Int32Array,
): string {
  const lines = files.map((file, i) => {
    const soft = Array.from(labels.values.subarray(i * classes.length, (i + 1) * classes.length));
    return JSON.stringify({ file_name: file, label: hard[i], soft_label: soft });
  });
  return `${lines.join("\n")}\n`;
}
