/** 16-bit floating-point formats. `float16`: 5 bits of exponent, 11 of precision; `bfloat16`: 8 and 8. */
export type HalfFormat = "float16" | "bfloat16";

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** Numbers rounded to the nearest of a 16-bit format, ties to even; beyond its range they are infinite. */
export function toHalf(values: Float32Array, format: HalfFormat): Uint16Array {
  const round = format === "float16" ? float16Bits : bfloat16Bits;
  return Uint16Array.from(values, round);
}

/** The numbers of 16-bit patterns, exact. */
export function fromHalf(bits: Uint16Array, format: HalfFormat): Float32Array {
  const widen = format === "float16" ? float16Value : bfloat16Value;
  return Float32Array.from(bits, widen);
}

function bfloat16Bits(value: number): number {
  float[0] = value;
  const bits = word[0]!;
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function bfloat16Value(bits: number): number {
  word[0] = bits << 16;
  return float[0]!;
}

function float16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  // Spacing of the numbers around `size`: 2^-24 below 2^-14, the smallest normal number.
  const exponent = Math.max(-14, exponentOf(size));
  const units = roundToEven(size * 2 ** (10 - exponent));
  // A rounded-up significand carries into the exponent by itself; what passes the largest becomes infinite.
  const bits = exponent === -14 ? units : ((exponent + 15) << 10) + (units - 1024);
  return sign | (bits >= 0x7c00 ? 0x7c00 : bits);
}

function float16Value(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** e with 2^e ≤ size < 2^(e+1); 16 for what float16 cannot hold, −127 for 0. */
function exponentOf(size: number): number {
  if (size >= 65536) return 16;
  float[0] = size;
  return ((word[0]! >>> 23) & 255) - 127;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
