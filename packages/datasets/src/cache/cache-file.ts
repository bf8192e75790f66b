import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { Message, MessageHeader } from "apache-arrow";
import { Footer, type FileBlock } from "apache-arrow/ipc/metadata/file";
import type { RecordBatch } from "apache-arrow/ipc/metadata/message";
import { DataError } from "@limbeck/core";
import { errorText } from "../io/error-text.ts";
import { cacheMetadataSchema, METADATA_KEY, type CacheMetadata } from "./cache-metadata.ts";
import { imageSize } from "./decoded-images.ts";
import { DatasetDigest } from "./dataset-digest.ts";

/** Rows that lie one after the other in the file. */
interface Run {
  readonly firstRow: number;
  readonly rows: number;
  readonly pixels: number;
  readonly labels: number;
}

const MAGIC = "ARROW1";
const TRAILER_BYTES = 10; // footer length (int32) and the closing magic

const openFiles = new FinalizationRegistry<number>((file) => closeSync(file));

/** A decoded data set on disk: labels in memory, images read by position. Rows are train first, then test. */
export class CacheFile {
  readonly path: string;
  readonly metadata: CacheMetadata;
  /** Labels of all rows. */
  readonly labels: Int32Array;
  readonly #file: number;
  readonly #runs: readonly Run[];
  readonly #imageSize: number;

  /**
   * Open and check what is cheap: magic, footer, metadata, that every record lies within the file, and the digest of
   * the labels.
   * @throws {DataError} if the file is truncated, damaged or of another version.
   */
  constructor(path: string) {
    this.path = path;
    this.#file = opening(path, () => openSync(path, "r"));
    try {
      const { metadata, runs } = opening(path, () => readIndex(this.#file));
      this.metadata = metadata;
      this.#runs = runs;
      this.#imageSize = imageSize(metadata.shape);
      this.labels = opening(path, () => this.#readLabels());
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
    openFiles.register(this, this.#file, this);
  }

  /** Read `count` images from `row` on into `target` at image position `at`. */
  readRows(row: number, count: number, target: Uint8Array, at = 0): void {
    const size = this.#imageSize;
    for (let done = 0; done < count;) {
      const run = this.#runAt(row + done);
      const inside = row + done - run.firstRow;
      const rows = Math.min(count - done, run.rows - inside);
      const part = target.subarray((at + done) * size, (at + done + rows) * size);
      opening(this.path, () => readExactly(this.#file, part, run.pixels + inside * size));
      done += rows;
    }
  }

  /** Give the file back now instead of when this object is collected. */
  close(): void {
    openFiles.unregister(this);
    closeSync(this.#file);
  }

  #runAt(row: number): Run {
    const runs = this.#runs;
    let low = 0;
    let high = runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (runs[middle]!.firstRow <= row) low = middle;
      else high = middle - 1;
    }
    return runs[low]!;
  }

  #readLabels(): Int32Array {
    const { sizes, labels: expected, shape } = this.metadata;
    const labels = new Int32Array(sizes.train + sizes.test);
    for (const run of this.#runs) {
      const bytes = new Uint8Array(labels.buffer, run.firstRow * 4, run.rows * 4);
      readExactly(this.#file, bytes, run.labels);
    }
    const digest = new DatasetDigest();
    digest.addLabels("train", labels.subarray(0, sizes.train));
    digest.addLabels("test", labels.subarray(sizes.train));
    const got = digest.finish(shape).labels;
    if (got.train !== expected.train || got.test !== expected.test) {
      throw new Error("labels that differ from their checksum");
    }
    return labels;
  }
}

function readIndex(file: number): { metadata: CacheMetadata; runs: Run[] } {
  const length = fstatSync(file).size;
  const trailer = readBytes(file, length - TRAILER_BYTES, TRAILER_BYTES, length);
  if (trailer.toString("latin1", 4) !== MAGIC) throw new Error("a file without its end");
  const footerBytes = trailer.readInt32LE(0);
  const footerStart = length - TRAILER_BYTES - footerBytes;
  const footer = Footer.decode(readBytes(file, footerStart, footerBytes, length));
  const metadata = cacheMetadataSchema.parse(JSON.parse(footer.schema.metadata.get(METADATA_KEY) ?? "null"));

  const runs: Run[] = [];
  let rows = 0;
  for (const block of footer.recordBatches()) {
    const run = readRun(file, block, rows, footerStart, imageSize(metadata.shape));
    rows += run.rows;
    runs.push(run);
  }
  const expected = metadata.sizes.train + metadata.sizes.test;
  if (rows !== expected) throw new Error(`${rows} images instead of ${expected}`);
  return { metadata, runs };
}

function readRun(file: number, block: FileBlock, firstRow: number, end: number, size: number): Run {
  const message = Message.decode(readBytes(file, block.offset + 8, block.metaDataLength - 8, end));
  if (message.headerType !== MessageHeader.RecordBatch) throw new Error("an unknown message");
  const { length: rows, buffers } = message.header() as RecordBatch;
  // Validity and values of: the list, its items, the labels. Only the values of the last two hold bytes.
  const [, , pixels, , labels] = buffers;
  const body = block.offset + block.metaDataLength;
  if (
    pixels === undefined ||
    labels === undefined ||
    pixels.length < rows * size ||
    labels.length < rows * 4 ||
    body + pixels.offset + rows * size > end ||
    body + labels.offset + rows * 4 > end
  ) {
    throw new Error("records that lie outside the file");
  }
  return { firstRow, rows, pixels: body + pixels.offset, labels: body + labels.offset };
}

function readBytes(file: number, offset: number, length: number, end: number): Buffer {
  if (offset < 0 || length < 0 || offset + length > end) throw new Error("a file that is too short");
  const bytes = Buffer.alloc(length);
  readExactly(file, bytes, offset);
  return bytes;
}

function readExactly(file: number, target: Uint8Array, offset: number): void {
  for (let done = 0; done < target.length;) {
    const read = readSync(file, target, done, target.length - done, offset + done);
    if (read === 0) throw new Error("a file that is too short");
    done += read;
  }
}

function opening<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new DataError(
      `${path}: wanted a complete cache of decoded images, got ${errorText(error)}; ` +
        `delete it, or open the data set with rebuild: true`,
      { cause: error },
    );
  }
}
