/** Numbers that are written; the array type decides the stored one. */
export type NpyData = Float32Array | Float64Array | BigInt64Array;

/** The header's length with magic, version and length is a multiple of this. */
const ALIGNMENT = 64;

/**
 * A NumPy array file, version 1.0: little-endian, C order.
 *
 * @see numpy/numpy, doc/neps/nep-0001-npy-format.rst.
 */
export function encodeNpy(data: NpyData, shape: readonly number[]): Uint8Array {
  const type = data instanceof Float32Array ? "<f4" : data instanceof Float64Array ? "<f8" : "<i8";
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT - 10;
  const head = Buffer.from(`\x93NUMPY\x01\x00..${text.padEnd(length - 1)}\n`, "latin1");
  head.writeUInt16LE(length, 8);
  return Buffer.concat([head, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}
