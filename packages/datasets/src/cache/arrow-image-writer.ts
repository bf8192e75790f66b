import {
  AsyncByteQueue,
  Field,
  FixedSizeList,
  Int32,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  Uint8,
} from "apache-arrow";
import type { ImageShape } from "@limbeck/core";
import { METADATA_KEY } from "./cache-metadata.ts";
import { imageSize } from "./decoded-images.ts";

const BATCH_BYTES = 16 << 20;

type Columns = { pixels: FixedSizeList<Uint8>; label: Int32 };

/**
 * Writes an Arrow IPC file of two columns: `pixels`, fixed-size list of uint8 (extension
 * `arrow.fixed_shape_tensor`), and `label`, int32. Record batches of about 16 MiB, no nulls, no compression, so that
 * an image lies at a computable offset.
 */
export class ArrowImageWriter {
  readonly #shape: ImageShape;
  readonly #schema: Schema<Columns>;
  readonly #writer = new RecordBatchFileWriter<Columns>();
  readonly #pixels: Uint8Array;
  readonly #labels: Int32Array;
  #rows = 0;

  /**
   * @param start Metadata of the opening schema message; {@link ArrowImageWriter.finish} puts the complete metadata
   *   into the footer, which readers of Arrow files use.
   * @param write Takes the bytes in order and must be done with them when it returns.
   */
  constructor(shape: ImageShape, start: object, write: (bytes: Uint8Array) => void) {
    const size = imageSize(shape);
    const tensor = new Map([
      ["ARROW:extension:name", "arrow.fixed_shape_tensor"],
      ["ARROW:extension:metadata", JSON.stringify({ shape })],
    ]);
    const item = new Field("item", new Uint8(), false);
    this.#shape = shape;
    this.#schema = new Schema<Columns>(
      [
        new Field("pixels", new FixedSizeList(size, item), false, tensor),
        new Field("label", new Int32(), false),
      ],
      new Map([[METADATA_KEY, JSON.stringify(start)]]),
    );
    const rows = Math.max(1, Math.floor(BATCH_BYTES / size));
    this.#pixels = new Uint8Array(rows * size);
    this.#labels = new Int32Array(rows);
    this.#writer.reset(new CallbackSink(write), this.#schema);
  }

  /** Append images `[n, H, W, C]` and labels `[n]`. */
  add(pixels: Uint8Array, labels: Int32Array): void {
    const size = imageSize(this.#shape);
    for (let start = 0; start < labels.length;) {
      const count = Math.min(labels.length - start, this.#labels.length - this.#rows);
      this.#pixels.set(pixels.subarray(start * size, (start + count) * size), this.#rows * size);
      this.#labels.set(labels.subarray(start, start + count), this.#rows);
      this.#rows += count;
      start += count;
      if (this.#rows === this.#labels.length) this.#flush();
    }
  }

  /** Write what is left and the footer. */
  finish(metadata: object): void {
    this.#flush();
    // The footer is encoded from this very map when the writer finishes.
    this.#schema.metadata.set(METADATA_KEY, JSON.stringify(metadata));
    this.#writer.finish();
  }

  #flush(): void {
    const length = this.#rows;
    if (length === 0) return;
    const size = imageSize(this.#shape);
    const [pixels, label] = this.#schema.fields as [Field<FixedSizeList<Uint8>>, Field<Int32>];
    const values = makeData({
      type: new Uint8(),
      length: length * size,
      data: this.#pixels.subarray(0, length * size),
    });
    const columns = [
      makeData({ type: pixels.type, length, nullCount: 0, child: values }),
      makeData({ type: label.type, length, nullCount: 0, data: this.#labels.subarray(0, length) }),
    ];
    const type = new Struct<Columns>(this.#schema.fields);
    this.#writer.write(
      new RecordBatch(this.#schema, makeData({ type, length, nullCount: 0, children: columns })),
    );
    this.#rows = 0;
  }
}

/** A queue that hands every chunk on at once, so that nothing piles up and buffers may be reused. */
class CallbackSink extends AsyncByteQueue {
  readonly #take: (bytes: Uint8Array) => void;

  constructor(take: (bytes: Uint8Array) => void) {
    super();
    this.#take = take;
  }

  override write(value: ArrayBufferLike | ArrayBufferView): void {
    this.#take(
      ArrayBuffer.isView(value)
        ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
        : new Uint8Array(value),
    );
  }
}
