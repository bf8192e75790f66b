import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { DataError, type ImageDataset } from "@limbeck/core";
import { z } from "zod";
import { openCached } from "../cache/open-cached.ts";
import { sourceIdentity } from "../cache/source-identity.ts";
import { openArrowTable } from "../formats/arrow-table.ts";
import type { HubColumnChoice } from "../formats/hub-features.ts";
import { decodeHubTables, type HubSplits, type HubTable } from "../formats/hub-table.ts";
import { openParquetTable } from "../formats/parquet.ts";
import { errorText } from "../io/error-text.ts";
import { openFileTree, type TreeFile } from "../io/file-tree.ts";
import { parseOptions } from "../parse-options.ts";
import { imageFileOptionsSchema, ownRecipe } from "./own-options.ts";

export const parquetOptionsSchema = imageFileOptionsSchema.extend({
  classes: z.array(z.string().min(1)).min(1).optional().describe("class names in label order"),
  imageColumn: z.string().min(1).optional().describe("column of images, where it cannot be told"),
  labelColumn: z.string().min(1).optional().describe("column of labels, where it cannot be told"),
});
export type ParquetOptions = z.input<typeof parquetOptionsSchema>;

const tableExtension = /\.(parquet|arrow)$/i;

/**
 * Images as data hubs store them: one .parquet or .arrow file, or a folder of them. Files (or their folders) whose
 * names begin with `train`, `test`, `validation` or `val` are those splits: test is `test`, else the validation
 * split; a set without either is divided by `testFraction` and `seed`.
 *
 * @throws {ConfigError} if an option is wrong.
 * @throws {DataError} if there is no image or label column, a label is out of range, or a file is damaged.
 */
export async function parquet(path: string, options: ParquetOptions = {}): Promise<ImageDataset> {
  const parsed = parseOptions("parquet", parquetOptionsSchema, options);
  const { size, widenGrey, testFraction, seed, classes, imageColumn, labelColumn } = parsed;
  const choice = { imageColumn, labelColumn };
  const groups = await findTables(path);
  const sources = [...groups.train, ...groups.test].map((file) => ({ name: file.path, path: file.where }));
  const decoding = { size, widenGrey, testFraction, seed, classes, choice };
  const recipe = {
    ...ownRecipe(path, parsed),
    key: ["parquet", await sourceIdentity(sources), decoding],
    decode: async () => {
      const splits = await openSplits(groups, choice);
      return decodeHubTables(splits, { testFraction, seed }, { size, widenGrey }, classes);
    },
  };
  return openCached(recipe, parsed);
}

/** Whether a folder holds tables, at any depth that hubs use. */
export async function holdsTables(folder: string): Promise<boolean> {
  return (await openFileTree(folder)).files.some(({ path }) => tableExtension.test(path));
}

interface TableFiles {
  readonly train: readonly TreeFile[];
  readonly test: readonly TreeFile[];
}

async function findTables(path: string): Promise<TableFiles> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (error) {
    throw new DataError(
      `${path}: wanted a .parquet or .arrow file or a folder of them, got "${errorText(error)}"`,
      {
        cause: error,
      },
    );
  }
  if (!isFolder) return { train: [{ path: basename(path), where: path, read: unread }], test: [] };
  const tables = (await openFileTree(path)).files.filter((file) => tableExtension.test(file.path));
  if (tables.length === 0) throw new DataError(`${path}: wanted .parquet or .arrow files, got none`);
  const named = (pattern: RegExp): TreeFile[] => {
    return tables.filter((file) => file.path.split("/").some((part) => pattern.test(part)));
  };
  const test = named(/^test\b/i);
  const validation = named(/^val(id(ation)?)?\b/i);
  const train = tables.filter((file) => !test.includes(file) && !validation.includes(file));
  if (train.length === 0)
    throw new DataError(`${path}: wanted a train split, got only ${tables[0]!.path} and its like`);
  return { train, test: test.length > 0 ? test : validation };
}

async function openSplits({ train, test }: TableFiles, choice: HubColumnChoice): Promise<HubSplits> {
  const open = (files: readonly TreeFile[]): Promise<HubTable[]> => {
    return Promise.all(
      files.map(({ where }) => {
        return /\.arrow$/i.test(where) ? openArrowTable(where, choice) : openParquetTable(where, choice);
      }),
    );
  };
  if (test.length === 0) return { whole: await open(train) };
  return { train: await open(train), test: await open(test) };
}

function unread(): never {
  throw new Error("tables are opened by path");
}
