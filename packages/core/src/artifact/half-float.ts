const view = new DataView(new ArrayBuffer(4));

/** The number that 16 bits in IEEE 754 half precision stand for; exact. */
export function fromFloat16(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

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
