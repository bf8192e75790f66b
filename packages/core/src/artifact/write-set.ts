import * as arrow from "apache-arrow";
import { ensureBackend } from "../engine/engine.ts";
import { denormalise } from "../synthetic/set-tensors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { validateSyntheticSet } from "../synthetic/validate-set.ts";
import { writeFileBeside } from "./durable-file.ts";
import { encodeLabels } from "./label-file.ts";
import { encodePngs } from "./png.ts";
import { sealBytes, UNSEALED } from "./seal.ts";
import {
  DESCRIPTION_KEY,
  describeSet,
  LABELS_COLUMN,
  SEAL_KEY,
  ZCA_COLUMNS,
  type SetArrays,
} from "./set-format.ts";

/**
 * Writes a set as one Arrow IPC file: columns `image` (fixed-shape tensor `[H, W, C]` float32, bit-exact), `png` (the
 * same picture, de-normalised to 8 bits, to look at), `label` (int32 class, or K float32), labels of views or a projector as one
 * block in row 0, for ZCA the three arrays of the normalisation in row 0, and as schema metadata a JSON description with the provenance and a SHA-256 over the file.
 * Written beside and renamed, so that the path never holds a part of a set.
 *
 * @throws {DataError} if the set is not whole: lengths that do not fit, numbers that are not finite.
 * @throws {RunError} if the disk is full or the path cannot be written.
 */
export async function writeSet(path: string, set: SyntheticSet): Promise<void> {
  validateSyntheticSet(set, path);
  // Pictures of whitened images are a matrix product.
  if (set.normalisation.kind === "zca") await ensureBackend();
  const pngs = await encodePngs(denormalise(set), set.shape);
  const { images, labels, normalisation } = set;
  const arrays: SetArrays = {
    images,
    labels: labels.values,
    pngs,
    ...(labels.kind === "views" || labels.kind === "projector" ? { stored: labels } : {}),
    ...(normalisation.kind === "zca" ? { zca: normalisation } : {}),
  };
  const metadata = new Map([
    [DESCRIPTION_KEY, JSON.stringify(describeSet(set))],
    [SEAL_KEY, UNSEALED],
  ]);
  const bytes = Buffer.from(arrow.tableToIPC(buildTable(set, arrays, metadata), "file"));
  sealBytes(bytes);
  writeFileBeside(path, bytes);
}

function buildTable(set: SyntheticSet, arrays: SetArrays, metadata: Map<string, string>): arrow.Table {
  const { size, shape, labels, classes } = set;
  const length = shape[0] * shape[1] * shape[2];
  const tensor = new Map([
    ["ARROW:extension:name", "arrow.fixed_shape_tensor"],
    ["ARROW:extension:metadata", JSON.stringify({ shape, dim_names: ["height", "width", "channel"] })],
  ]);
  const columns: [arrow.Field, arrow.Data][] = [
    floatRows("image", arrays.images, length, size, tensor),
    binaryRows("png", arrays.pngs, false),
    labels.kind === "soft"
      ? floatRows("label", labels.values, classes.length, size)
      : [
          new arrow.Field("label", new arrow.Int32(), false),
          arrow.makeData({ type: new arrow.Int32(), length: size, nullCount: 0, data: labels.values }),
        ],
  ];
  const firstRow = (name: string, bytes: Uint8Array): void => {
    columns.push(binaryRows(name, [bytes, ...Array.from({ length: size - 1 }, () => null)], true));
  };
  if (arrays.stored !== undefined) firstRow(LABELS_COLUMN, encodeLabels(arrays.stored));
  if (arrays.zca !== undefined) {
    for (const [part, column] of Object.entries(ZCA_COLUMNS)) {
      const values = arrays.zca[part as keyof typeof ZCA_COLUMNS];
      firstRow(column, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  }
  const schema = new arrow.Schema(
    columns.map(([field]) => field),
    metadata,
  );
  const children = columns.map(([, data]) => data);
  const rows = arrow.makeData({
    type: new arrow.Struct(schema.fields),
    length: size,
    nullCount: 0,
    children,
  });
  return new arrow.Table(schema, [new arrow.RecordBatch(schema, rows)]);
}

function floatRows(
  name: string,
  data: Float32Array,
  length: number,
  size: number,
  metadata?: Map<string, string>,
): [arrow.Field, arrow.Data] {
  const item = new arrow.Field("item", new arrow.Float32(), false);
  const type = new arrow.FixedSizeList(length, item);
  const child = arrow.makeData({ type: new arrow.Float32(), length: size * length, nullCount: 0, data });
  return [
    new arrow.Field(name, type, false, metadata),
    arrow.makeData({ type, length: size, nullCount: 0, child }),
  ];
}

function binaryRows(
  name: string,
  rows: readonly (Uint8Array | null)[],
  nullable: boolean,
): [arrow.Field, arrow.Data] {
  const type = new arrow.Binary();
  const valueOffsets = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => (valueOffsets[i + 1] = valueOffsets[i]! + (row?.length ?? 0)));
  const data = new Uint8Array(valueOffsets[rows.length]!);
  const nullBitmap = new Uint8Array(Math.ceil(rows.length / 8));
  rows.forEach((row, i) => {
    if (row === null) return;
    data.set(row, valueOffsets[i]);
    nullBitmap[i >> 3]! |= 1 << (i & 7);
  });
  const nullCount = rows.filter((row) => row === null).length;
  const validity = nullCount > 0 ? { nullBitmap } : {};
  return [
    new arrow.Field(name, type, nullable),
    arrow.makeData({ type, length: rows.length, nullCount, valueOffsets, data, ...validity }),
  ];
}
