/** Wire types of protocol buffers. @see https://protobuf.dev/programming-guides/encoding/ */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

/** A field of a whole number of at least 0, seven bits a byte, the lowest first. */
export function varintField(field: number, value: number): Buffer {
  return Buffer.concat([key(field, VARINT), varint(value)]);
}

/** A field of a float64. */
export function doubleField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, FIXED64), bytes]);
}

/** A field of bytes, or of a message that is encoded already. */
export function messageField(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([key(field, BYTES), varint(bytes.length), bytes]);
}

/** A field of a text. */
export function stringField(field: number, text: string): Buffer {
  return messageField(field, Buffer.from(text));
}

/** A repeated field of float32. */
export function packedFloats(field: number, values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeFloatLE(value, 4 * i));
  return messageField(field, bytes);
}

function key(field: number, wire: number): Buffer {
  return varint(field * 8 + wire);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}
