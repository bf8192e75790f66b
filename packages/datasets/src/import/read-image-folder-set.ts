import { DataError, type ImageDataset } from "@limbeck/core";
import { parse as parseCsv } from "csv-parse/sync";
import { z } from "zod";
import { companionExtension, imageExtension } from "../formats/image-folder.ts";
import { openFileTree, type FileTree, type TreeFile } from "../io/file-tree.ts";
import type { ForeignArray, ForeignSet } from "./foreign-set.ts";
import { decodePictures } from "./pixel-rows.ts";

const rowSchema = z.object({ file_name: z.string(), soft_label: z.array(z.number()).optional() });

/**
 * Reads a set from a folder (or .zip) of pictures, `CLASS/*` or `train/CLASS/*`, with soft labels from `metadata.jsonl` or
 * `metadata.csv` beside the class folders (`file_name`, `soft_label`; in CSV the list as JSON). Names there only select
 * among the pictures found: none leads out of the folder.
 *
 * @throws {DataError} if a picture lies in no class folder, is not of the data set's shape, or has no row where others do.
 */
export async function readImageFolderSet(
  path: string,
  { shape, classes }: Pick<ImageDataset, "shape" | "classes">,
): Promise<ForeignSet> {
  const tree = await openFileTree(path);
  const prefix = tree.folders.includes("train") ? "train/" : "";
  const files = tree.files.filter(
    (file) => file.path.startsWith(prefix) && !companionExtension.test(file.path),
  );
  const names = [...new Set(files.map((file) => className(file, prefix)))];
  const pictures = files.map(({ where, read }) => ({ where, read }));
  const soft = await softLabels(tree, prefix, files, classes.length);
  const hard = Float64Array.from(files, (file) => names.indexOf(className(file, prefix)));
  return {
    where: path,
    images: await decodePictures(path, pictures, shape),
    labels: soft ?? { shape: [files.length], data: hard },
    // Rows of soft labels are in the data set's order: folder names then only sort the pictures for people.
    ...(soft === undefined ? { classes: names } : {}),
  };
}

function className({ path, where }: TreeFile, prefix: string): string {
  const rest = path.slice(prefix.length);
  const slash = rest.indexOf("/");
  if (slash < 0 || !imageExtension.test(rest)) {
    throw new DataError(`${where}: wanted only pictures in class folders, got another file; remove it`);
  }
  return rest.slice(0, slash);
}

async function softLabels(
  tree: FileTree,
  prefix: string,
  files: readonly TreeFile[],
  classes: number,
): Promise<ForeignArray | undefined> {
  const file = tree.files.find(
    ({ path }) => path === `${prefix}metadata.jsonl` || path === `${prefix}metadata.csv`,
  );
  if (file === undefined) return undefined;
  const rows = parseRows(file, Buffer.from(await file.read()).toString("utf8"));
  if (rows.every(({ soft_label: label }) => label === undefined)) return undefined;
  const byName = new Map(rows.map((row) => [row.file_name, row.soft_label]));
  const data = new Float32Array(files.length * classes);
  for (const [i, { path, where }] of files.entries()) {
    const label = byName.get(path.slice(prefix.length));
    if (label?.length !== classes) {
      throw new DataError(
        `${file.where}: wanted a soft label of ${classes} numbers for ${where}, got ${label?.length ?? "none"}`,
      );
    }
    data.set(label, i * classes);
  }
  return { shape: [files.length, classes], data };
}

function parseRows({ path, where }: TreeFile, text: string): z.output<typeof rowSchema>[] {
  try {
    if (path.endsWith(".jsonl")) {
      const lines = text.split("\n").filter((line) => line.trim() !== "");
      return lines.map((line) => rowSchema.parse(JSON.parse(line)));
    }
    const rows: Record<string, string>[] = parseCsv(text, {
      columns: true,
      skip_empty_lines: true,
      bom: true,
    });
    return rows.map(({ file_name, soft_label: label }) =>
      rowSchema.parse({
        file_name,
        soft_label: label === undefined ? undefined : (JSON.parse(label) as unknown),
      }),
    );
  } catch (error) {
    throw new DataError(
      `${where}: wanted rows with file_name and soft_label, got ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}
