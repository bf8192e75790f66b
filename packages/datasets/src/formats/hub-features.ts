import { DataError } from "@limbeck/core";
import { z } from "zod";

/** Which columns hold images and labels, and the names of the classes where the file tells them. */
export interface HubColumns {
  readonly image: string;
  readonly label: string;
  readonly classes: readonly string[] | undefined;
}

/** Columns asked for by the user. */
export interface HubColumnChoice {
  readonly imageColumn?: string | undefined;
  readonly labelColumn?: string | undefined;
}

const metadataSchema = z.object({
  info: z.object({
    features: z.record(
      z.string(),
      z.object({ _type: z.string().optional(), names: z.unknown().optional() }).loose(),
    ),
  }),
});

const usualImageNames = ["image", "img", "jpg", "png"];
const usualLabelNames = ["label", "labels", "fine_label", "target", "class", "cls"];

/**
 * Find the image and label columns of a table laid out as data hubs store images: from the `huggingface` metadata
 * (features of type Image and ClassLabel), else by their usual names.
 *
 * @param columns Top-level column names of the file.
 * @param metadata Text of the `huggingface` key, if there is one.
 * @throws {DataError} if no image or label column can be told.
 */
export function findHubColumns(
  where: string,
  columns: readonly string[],
  metadata: string | undefined,
  choice: HubColumnChoice,
): HubColumns {
  const features = parseFeatures(metadata);
  const ofType = (type: string) => {
    return Object.keys(features).filter((name) => features[name]!._type === type && columns.includes(name));
  };
  const image = pick(where, "image", columns, choice.imageColumn, ofType("Image"), usualImageNames);
  const label = pick(where, "label", columns, choice.labelColumn, ofType("ClassLabel"), usualLabelNames);
  const names = z.array(z.string()).min(1).safeParse(features[label]?.names);
  return { image, label, classes: names.success ? names.data : undefined };
}

function pick(
  where: string,
  kind: "image" | "label",
  columns: readonly string[],
  chosen: string | undefined,
  typed: readonly string[],
  usual: readonly string[],
): string {
  const candidates = typed.length > 0 ? typed : columns;
  const found = chosen ?? (typed.length === 1 ? typed[0] : usual.find((name) => candidates.includes(name)));
  if (found === undefined || !columns.includes(found)) {
    throw new DataError(
      `${where}: wanted ${chosen === undefined ? `a column of ${kind}s` : `the column ${chosen}`}, ` +
        `got ${columns.join(", ") || "no columns"}; name it with ${kind}Column`,
    );
  }
  return found;
}

function parseFeatures(metadata: string | undefined): z.output<typeof metadataSchema>["info"]["features"] {
  if (metadata === undefined) return {};
  try {
    return metadataSchema.parse(JSON.parse(metadata)).info.features;
  } catch {
    // Not what we know: the columns are then found by their names.
    return {};
  }
}

/**
 * Bytes of one image cell: a struct of `bytes` and `path`, or plain bytes.
 * @throws {DataError} if the cell holds no bytes, as tables do that only point to files.
 */
export function imageBytes(where: string, cell: unknown): Uint8Array {
  const bytes = cell instanceof Uint8Array ? cell : (cell as { bytes?: unknown } | null | undefined)?.bytes;
  if (bytes instanceof Uint8Array) return bytes;
  throw new DataError(`${where}: wanted the bytes of an image, got none; store the images inside the file`);
}

/**
 * A label cell as a number.
 * @throws {DataError} if it is null or no integer.
 */
export function labelNumber(path: string, column: string, value: unknown, row: number): number {
  const label = typeof value === "bigint" ? Number(value) : value;
  if (typeof label === "number" && Number.isInteger(label)) return label;
  throw new DataError(
    `${path}: wanted integer labels in column ${column}, got ${String(value)} in row ${row}`,
  );
}
