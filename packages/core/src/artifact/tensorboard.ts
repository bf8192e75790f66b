import { crc32c } from "./crc32c.ts";
import { doubleField, messageField, packedFloats, stringField, varintField } from "./protobuf.ts";

/** A number of a run at a step. */
export interface TensorboardScalar {
  readonly tag: string;
  readonly step: number;
  /** Seconds since 1970. */
  readonly wall: number;
  readonly value: number;
}

/** A picture of a run at a step. */
export interface TensorboardImage {
  readonly tag: string;
  readonly step: number;
  readonly wall: number;
  readonly width: number;
  readonly height: number;
  readonly png: Uint8Array;
}

const FLOAT = 1;
const STRING = 7;
/** How TensorBoard stores what a plugin shows. */
const DATA_CLASS = { scalars: 1, images: 3 } as const;

/**
 * An event file of TensorBoard: the version, then one event for each number and picture, in the order given.
 *
 * A record is the length (64 bits), its masked CRC-32C, the event, and the event's masked CRC-32C; the event is the protocol buffer
 * `Event` with a `Summary`. Numbers are float32, as TensorBoard's own.
 *
 * @see tensorflow/tensorboard, tensorboard/summary/writer/record_writer.py; tensorboard/compat/proto/event.proto, summary.proto.
 */
export function tensorboardFile(
  scalars: readonly TensorboardScalar[],
  images: readonly TensorboardImage[] = [],
): Uint8Array {
  const first = scalars[0]?.wall ?? images[0]?.wall ?? 0;
  const version = Buffer.concat([doubleField(1, first), stringField(3, "brain.Event:2")]);
  const events = [...scalars.map(scalarEvent), ...images.map(imageEvent)];
  return Buffer.concat([version, ...events].map(tfRecord));
}

/** One record of a TFRecord file. @see tensorflow/tensorflow, core/lib/io/record_writer.h. */
function tfRecord(data: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length), 0);
  head.writeUInt32LE(masked(crc32c(head.subarray(0, 8))), 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(masked(crc32c(data)), 0);
  return Buffer.concat([head, data, tail]);
}

/** Sums of data that themselves hold sums are kept apart from them: turned by 15 bits, plus a constant. */
function masked(sum: number): number {
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}

function scalarEvent({ tag, step, wall, value }: TensorboardScalar): Buffer {
  // TensorProto: a float without dimensions.
  const tensor = Buffer.concat([
    varintField(1, FLOAT),
    messageField(2, Buffer.alloc(0)),
    packedFloats(5, [value]),
  ]);
  return event(step, wall, tag, "scalars", tensor);
}

function imageEvent({ tag, step, wall, width, height, png }: TensorboardImage): Buffer {
  // TensorProto: the strings width, height, picture.
  const dimension = messageField(2, varintField(1, 3));
  const tensor = Buffer.concat([
    varintField(1, STRING),
    messageField(2, dimension),
    stringField(8, String(width)),
    stringField(8, String(height)),
    messageField(8, png),
  ]);
  return event(step, wall, tag, "images", tensor);
}

function event(
  step: number,
  wall: number,
  tag: string,
  plugin: keyof typeof DATA_CLASS,
  tensor: Buffer,
): Buffer {
  const metadata = Buffer.concat([
    messageField(1, stringField(1, plugin)),
    varintField(4, DATA_CLASS[plugin]),
  ]);
  const value = Buffer.concat([stringField(1, tag), messageField(8, tensor), messageField(9, metadata)]);
  return Buffer.concat([doubleField(1, wall), varintField(2, step), messageField(5, messageField(1, value))]);
}
