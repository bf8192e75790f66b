import { describe, expect, it } from "vitest";
import { fromBfloat16, fromFloat16, widenHalves } from "./half-float.ts";

describe("half precision", () => {
  it("reads zeros, the smallest, ordinary numbers, the largest, infinities and NaN", () => {
    const bits = [0x0000, 0x8000, 0x0001, 0x0400, 0x3c00, 0xc000, 0x3555, 0x7bff, 0x7c00, 0xfc00, 0x7e00];
    const values = [0, -0, 2 ** -24, 2 ** -14, 1, -2, 0.333251953125, 65504, Infinity, -Infinity, NaN];
    expect(bits.map(fromFloat16)).toEqual(values);
  });

  it("takes bfloat16 as the upper half of float32", () => {
    expect([0x3f80, 0xc000, 0x3eab, 0x7f80].map(fromBfloat16)).toEqual([1, -2, 0.333984375, Infinity]);
  });

  it("widens little-endian bytes, at any offset", () => {
    const bytes = Uint8Array.of(9, 0x00, 0x3c, 0x00, 0xc0).subarray(1);
    expect(widenHalves(bytes, fromFloat16)).toEqual(Float32Array.of(1, -2));
  });
});
