import * as fs from "node:fs";
import { join } from "node:path";
import { parquetWriteBuffer, type ColumnSource, type SchemaElement } from "hyparquet-writer";
import { denormalise } from "../synthetic/set-tensors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { validateSyntheticSet } from "../synthetic/validate-set.ts";
import { dataCard, type CardOptions } from "./data-card.ts";
import { createFolder } from "./durable-file.ts";
import { safetensorsOfSet } from "./export-safetensors.ts";
import { encodePngs } from "./png.ts";
import { hardLabels } from "./preview.ts";

/** Where data hubs look for the one shard of the training split. */
export const PARQUET_FILE = "data/train-00000-of-00001.parquet";

/**
 * Writes a set as data hubs lay it out: `README.md` (the card), {@link PARQUET_FILE} with columns `image`
 * (struct of PNG `bytes` and `path`), `label` int64 and for soft labels `soft_label` (list of K float32), features in
 * the key-value metadata `huggingface`; and `set.safetensors`, which keeps the exact floats that 8-bit pictures lose.
 *
 * @throws {DataError} if the set is not whole.
 * @throws {RunError} if `folder` has content, or cannot be written; nothing is left behind.
 */
export async function exportParquet(
  set: SyntheticSet,
  folder: string,
  options: CardOptions = {},
): Promise<void> {
  validateSyntheticSet(set);
  const parquet = parquetOfSet(set, await encodePngs(denormalise(set), set.shape));
  await createFolder(folder, async (part) => {
    fs.mkdirSync(join(part, "data"));
    fs.writeFileSync(join(part, PARQUET_FILE), parquet);
    fs.writeFileSync(join(part, "set.safetensors"), safetensorsOfSet(set));
    const card = await dataCard(set, { ...options, layout: "parquet", bytes: parquet.length });
    fs.writeFileSync(join(part, "README.md"), card);
  });
}

function parquetOfSet(set: SyntheticSet, pngs: readonly Uint8Array[]): Uint8Array {
  const { size, classes, labels } = set;
  const soft = labels.kind === "soft";
  const digits = Math.max(5, String(size - 1).length);
  const columnData: ColumnSource[] = [
    {
      name: "image",
      data: pngs.map((bytes, i) => ({ bytes, path: `${String(i).padStart(digits, "0")}.png` })),
      codec: "UNCOMPRESSED",
    },
    { name: "label", data: BigInt64Array.from(hardLabels(set), BigInt) },
  ];
  const schema: SchemaElement[] = [
    { name: "schema", num_children: soft ? 3 : 2 },
    { name: "image", repetition_type: "OPTIONAL", num_children: 2 },
    { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
    {
      name: "path",
      type: "BYTE_ARRAY",
      converted_type: "UTF8",
      logical_type: { type: "STRING" },
      repetition_type: "OPTIONAL",
    },
    { name: "label", type: "INT64", repetition_type: "OPTIONAL" },
  ];
  if (soft) {
    const data = Array.from({ length: size }, (_, i) =>
      Array.from(labels.values.subarray(i * classes.length, (i + 1) * classes.length)),
    );
    columnData.push({ name: "soft_label", data });
    schema.push(
      { name: "soft_label", converted_type: "LIST", repetition_type: "OPTIONAL", num_children: 1 },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      { name: "element", type: "FLOAT", repetition_type: "OPTIONAL" },
    );
  }
  const kvMetadata = [{ key: "huggingface", value: JSON.stringify({ info: { features: features(set) } }) }];
  const buffer = parquetWriteBuffer({
    columnData,
    schema,
    kvMetadata,
    createdBy: "Limbeck",
    statistics: false,
  });
  return new Uint8Array(buffer);
}

/**
 * Column types in the hub's own terms. `Sequence` is the older spelling of `List`: every version reads it.
 * @see huggingface/datasets, src/datasets/features/features.py.
 */
function features({ classes, labels }: SyntheticSet): Record<string, unknown> {
  return {
    image: { _type: "Image" },
    label: { names: classes, _type: "ClassLabel" },
    ...(labels.kind === "soft" && {
      soft_label: {
        feature: { dtype: "float32", _type: "Value" },
        length: classes.length,
        _type: "Sequence",
      },
    }),
  };
}
