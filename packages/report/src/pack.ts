import { gzipSync } from "node:zlib";
import type { Packed, PackedImages } from "./model.ts";

/** Bytes as the page carries them. */
export function pack(bytes: Uint8Array): Packed {
  return gzipSync(bytes, { level: 9 }).toString("base64");
}

/**
 * Images as whole numbers between their least and their largest value.
 *
 * @param values Pixel space, 0 black and 1 white; may lie outside. Not finite counts as 0.
 */
export function packImages(values: Float32Array, count: number, bits: 8 | 16): PackedImages {
  let low = 0;
  let high = 1;
  for (const value of values) {
    if (value < low && value > -Infinity) low = value;
    if (value > high && value < Infinity) high = value;
  }
  const largest = 2 ** bits - 1;
  const scale = largest / (high - low);
  const bytes = new Uint8Array((values.length * bits) / 8);
  for (let i = 0; i < values.length; i++) {
    const value = Number.isFinite(values[i]) ? values[i]! : 0;
    const level = Math.round((value - low) * scale);
    if (bits === 8) bytes[i] = level;
    else {
      bytes[i] = level >> 8;
      bytes[values.length + i] = level & 255;
    }
  }
  return { bytes: pack(bytes), count, bits, low, high };
}

/** 8-bit pixels as they are. */
export function packPixels(pixels: Uint8Array, count: number): PackedImages {
  return { bytes: pack(pixels), count, bits: 8, low: 0, high: 1 };
}
