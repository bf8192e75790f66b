export { float16Value as fromFloat16 } from "../synthetic/float16.ts";

const view = new DataView(new ArrayBuffer(4));

/** The number that 16 bits in bfloat16 stand for, the upper half of a float32; exact. */
export function fromBfloat16(bits: number): number {
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

/** Little-endian 16-bit numbers as float32, each read by `read`. */
export function widenHalves(bytes: Uint8Array, read: (bits: number) => number): Float32Array {
  const halves = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 2 }, (_, i) => read(halves.getUint16(2 * i, true)));
}
