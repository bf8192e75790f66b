import { createReadStream } from "node:fs";
import { RecordBatchReader, type RecordBatch } from "apache-arrow";
import { DataError, LimbeckError } from "@limbeck/core";
import { errorText } from "../io/error-text.ts";
import { findHubColumns, imageBytes, labelNumber, type HubColumnChoice } from "./hub-features.ts";
import type { HubTable } from "./hub-table.ts";

/**
 * Open an Arrow file (stream or file format) of images as data hubs store them on disk. One record batch is in memory
 * at a time where the file is in the stream format.
 *
 * @throws {DataError} if the file is damaged or has no image and label columns.
 */
export async function openArrowTable(path: string, choice: HubColumnChoice): Promise<HubTable> {
  const schema = await reading(path, async () => {
    const reader = await RecordBatchReader.from(createReadStream(path));
    await reader.open();
    const opened = reader.schema;
    await reader.cancel();
    return opened;
  });
  const names = schema.fields.map(({ name }) => name);
  const columns = findHubColumns(path, names, schema.metadata.get("huggingface"), choice);
  return {
    path,
    classes: columns.classes,
    async labels() {
      const labels: number[] = [];
      for await (const batch of batches(path)) {
        const cells = batch.getChild(columns.label);
        for (let i = 0; i < batch.numRows; i++) {
          labels.push(labelNumber(path, columns.label, cells?.get(i), labels.length));
        }
      }
      return labels;
    },
    async *images(wanted) {
      let row = 0;
      for await (const batch of batches(path)) {
        const cells = batch.getChild(columns.image);
        for (let i = 0; i < batch.numRows; i++, row++) {
          if (wanted(row)) yield { row, bytes: imageBytes(`${path}: row ${row}`, cells?.get(i)) };
        }
      }
    },
  };
}

async function* batches(path: string): AsyncGenerator<RecordBatch> {
  try {
    const reader = await RecordBatchReader.from(createReadStream(path));
    await reader.open();
    for await (const batch of reader) yield batch;
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function reading<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): LimbeckError {
  if (error instanceof LimbeckError) return error;
  return new DataError(
    `${path}: wanted a readable Arrow file, got "${errorText(error)}"; ` +
      `it is truncated or corrupted: delete it and get it again`,
    { cause: error },
  );
}
