import { ConfigError, ShapeError } from "../errors.ts";
import { float16Bits, float16Value, LARGEST_FLOAT16 } from "./float16.ts";

/**
 * How one label, K class scores less their mean, is stored:
 *
 * | Codec | Bytes of a label |
 * | - | - |
 * | `float32` | 4K |
 * | `float16` | 2K |
 * | `int8` | K + 4: whole multiples of a float32 scale, the largest magnitude / 127 |
 * | `int4` | ⌈K/2⌉ + 4: the same with 7 |
 * | `top` | (2 + w)·count, w = 1 up to 256 classes, 2 above: the largest scores as float16 and their classes; `rest` adds 2 |
 *
 * `rest` tells what the other classes' scores count as: `none` leaves them without probability, `minimum` gives them the smallest
 * score of the label, `even` the score whose exponential is the mean of theirs, so that their probability at temperature 1 is
 * spread evenly.
 */
export type LabelCodec =
  | { readonly kind: "float32" | "float16" | "int8" | "int4" }
  | { readonly kind: "top"; readonly count: number; readonly rest: "none" | "minimum" | "even" };

const PLAIN = ["float32", "float16", "int8", "int4"] as const;

/**
 * A codec by its name: `float32`, `float16`, `int8`, `int4`, `top10`, `top10-minimum`, `top10-even`.
 *
 * @throws {ConfigError} if it is none.
 */
export function parseCodec(name: string): LabelCodec {
  const plain = PLAIN.find((kind) => kind === name);
  if (plain !== undefined) return { kind: plain };
  const [, count, rest] = /^top([1-9]\d{0,4})(?:-(minimum|even))?$/.exec(name) ?? [];
  if (count !== undefined) {
    return { kind: "top", count: Number(count), rest: (rest as "minimum" | "even" | undefined) ?? "none" };
  }
  throw new ConfigError(
    `label codec: wanted ${PLAIN.join(", ")}, top<k>, top<k>-minimum or top<k>-even, got "${name}"`,
  );
}

/** The name that {@link parseCodec} reads. */
export function codecName(codec: LabelCodec): string {
  if (codec.kind !== "top") return codec.kind;
  return `top${codec.count}${codec.rest === "none" ? "" : `-${codec.rest}`}`;
}

/**
 * Bytes of one label of `classes` scores.
 *
 * @throws {ConfigError} if more scores are to be kept than there are classes.
 */
export function labelBytes(codec: LabelCodec, classes: number): number {
  switch (codec.kind) {
    case "float32":
      return 4 * classes;
    case "float16":
      return 2 * classes;
    case "int8":
      return classes + 4;
    case "int4":
      return Math.ceil(classes / 2) + 4;
    case "top":
      if (codec.count > classes) {
        throw new ConfigError(
          `label codec ${codecName(codec)}: wanted at most ${classes} scores, one a class, got ${codec.count}`,
        );
      }
      return codec.count * (2 + classBytes(classes)) + (codec.rest === "none" ? 0 : 2);
  }
}

function classBytes(classes: number): number {
  return classes <= 256 ? 1 : 2;
}

/** The scores, row by row, less each row's mean: soft-max does not change, and half floats keep more of them. In place. */
export function centreScores(scores: Float32Array, classes: number): Float32Array {
  for (let start = 0; start < scores.length; start += classes) {
    let sum = 0;
    for (let i = start; i < start + classes; i++) sum += scores[i]!;
    const mean = sum / classes;
    for (let i = start; i < start + classes; i++) scores[i]! -= mean;
  }
  return scores;
}

/**
 * Labels as bytes, little-endian, one after the other.
 *
 * @param scores `[n, classes]`, centred.
 * @throws {ShapeError} if they are not whole labels.
 */
export function encodeLabelRecords(codec: LabelCodec, scores: Float32Array, classes: number): Uint8Array {
  const count = scores.length / classes;
  if (!Number.isInteger(count)) {
    throw new ShapeError(
      `encodeLabelRecords: wanted labels of ${classes} scores, got ${scores.length} numbers`,
    );
  }
  const size = labelBytes(codec, classes);
  const bytes = new Uint8Array(count * size);
  const view = new DataView(bytes.buffer);
  for (let n = 0; n < count; n++) {
    encodeLabel(codec, scores.subarray(n * classes, (n + 1) * classes), view, n * size);
  }
  return bytes;
}

function encodeLabel(codec: LabelCodec, row: Float32Array, view: DataView, at: number): void {
  switch (codec.kind) {
    case "float32":
      row.forEach((score, i) => view.setFloat32(at + 4 * i, score, true));
      return;
    case "float16":
      row.forEach((score, i) => view.setUint16(at + 2 * i, float16Bits(score), true));
      return;
    case "int8":
    case "int4": {
      const steps = codec.kind === "int8" ? 127 : 7;
      const scale = Math.fround(row.reduce((most, score) => Math.max(most, Math.abs(score)), 0) / steps);
      view.setFloat32(at, scale, true);
      row.forEach((score, i) => {
        const level = scale === 0 ? 0 : Math.max(-steps, Math.min(steps, Math.round(score / scale)));
        if (steps === 127) return view.setInt8(at + 4 + i, level);
        const place = at + 4 + (i >> 1);
        view.setUint8(place, view.getUint8(place) | ((level & 15) << (4 * (i & 1))));
      });
      return;
    }
    case "top": {
      const order = Array.from(row.keys()).sort((a, b) => row[b]! - row[a]! || a - b);
      const wide = classBytes(row.length) === 2;
      const classesAt = at + 2 * codec.count;
      for (let i = 0; i < codec.count; i++) {
        view.setUint16(at + 2 * i, float16Bits(row[order[i]!]!), true);
        if (wide) view.setUint16(classesAt + 2 * i, order[i]!, true);
        else view.setUint8(classesAt + i, order[i]!);
      }
      if (codec.rest === "none") return;
      const others = order.slice(codec.count).map((i) => row[i]!);
      const filler = codec.rest === "minimum" ? row[order.at(-1)!]! : logMeanExp(others);
      view.setUint16(classesAt + codec.count * classBytes(row.length), float16Bits(filler), true);
    }
  }
}

function logMeanExp(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0) / values.length);
}

/**
 * The labels that {@link encodeLabelRecords} wrote, `[n, classes]`. Classes without a score (`rest: "none"`) get that of the
 * smallest half float, whose probability is zero at every usual temperature.
 *
 * @throws {ShapeError} if the bytes are not whole labels or name a class that is not one.
 */
export function decodeLabelRecords(codec: LabelCodec, bytes: Uint8Array, classes: number): Float32Array {
  const size = labelBytes(codec, classes);
  const count = bytes.length / size;
  if (!Number.isInteger(count)) {
    throw new ShapeError(
      `decodeLabelRecords: wanted labels of ${size} bytes (${codecName(codec)}, ${classes} classes), got ${bytes.length} bytes`,
    );
  }
  const scores = new Float32Array(count * classes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let n = 0; n < count; n++) {
    decodeLabel(codec, view, n * size, scores.subarray(n * classes, (n + 1) * classes));
  }
  return scores;
}

function decodeLabel(codec: LabelCodec, view: DataView, at: number, row: Float32Array): void {
  switch (codec.kind) {
    case "float32":
      row.forEach((_, i) => (row[i] = view.getFloat32(at + 4 * i, true)));
      return;
    case "float16":
      row.forEach((_, i) => (row[i] = float16Value(view.getUint16(at + 2 * i, true))));
      return;
    case "int8":
    case "int4": {
      const scale = view.getFloat32(at, true);
      row.forEach((_, i) => {
        const level =
          codec.kind === "int8"
            ? view.getInt8(at + 4 + i)
            : // Shifted up and down again for the sign of four bits.
              ((view.getUint8(at + 4 + (i >> 1)) >> (4 * (i & 1))) << 28) >> 28;
        row[i] = scale * level;
      });
      return;
    }
    case "top": {
      const width = classBytes(row.length);
      const classesAt = at + 2 * codec.count;
      const fillerAt = classesAt + codec.count * width;
      row.fill(codec.rest === "none" ? -LARGEST_FLOAT16 : float16Value(view.getUint16(fillerAt, true)));
      for (let i = 0; i < codec.count; i++) {
        const label = width === 2 ? view.getUint16(classesAt + 2 * i, true) : view.getUint8(classesAt + i);
        if (label >= row.length) {
          throw new ShapeError(
            `decodeLabelRecords: a label names class ${label}, wanted 0 to ${row.length - 1}; the file is damaged`,
          );
        }
        row[label] = float16Value(view.getUint16(at + 2 * i, true));
      }
    }
  }
}
