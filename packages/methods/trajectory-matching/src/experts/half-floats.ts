import { float16Bits, fromBfloat16, fromFloat16 } from "@limbeck/core";

/** 16-bit floating-point formats. `float16`: 5 bits of exponent, 11 of precision; `bfloat16`: 8 and 8. */
export type HalfFormat = "float16" | "bfloat16";

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** Numbers rounded to the nearest of a 16-bit format, ties to even; beyond its range they are infinite. */
export function toHalf(values: Float32Array, format: HalfFormat): Uint16Array {
  const round = format === "float16" ? float16Bits : bfloat16Bits;
  const bits = new Uint16Array(values.length);
  values.forEach((value, i) => (bits[i] = round(value)));
  return bits;
}

/** The numbers of 16-bit patterns, exact. */
export function fromHalf(bits: Uint16Array, format: HalfFormat): Float32Array {
  const widen = format === "float16" ? fromFloat16 : fromBfloat16;
  const values = new Float32Array(bits.length);
  bits.forEach((word, i) => (values[i] = widen(word)));
  return values;
}

function bfloat16Bits(value: number): number {
  float[0] = value;
  const bits = word[0]!;
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
