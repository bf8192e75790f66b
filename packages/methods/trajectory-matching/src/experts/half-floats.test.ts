import { keyFromSeed, normal } from "@limbeck/core";
import { describe, expect, it } from "vitest";
import { fromHalf, toHalf } from "./half-floats.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot-codec.ts";

const through = (value: number, format: "float16" | "bfloat16"): number =>
  fromHalf(toHalf(Float32Array.of(value), format), format)[0]!;

describe("16-bit floats", () => {
  it("has the bit patterns of IEEE 754 binary16", () => {
    const known: [number, number][] = [
      [1, 0x3c00],
      [-2, 0xc000],
      [65504, 0x7bff],
      [2 ** -14, 0x0400],
      [2 ** -24, 0x0001],
      [0.333251953125, 0x3555],
      [-0, 0x8000],
    ];
    for (const [value, bits] of known) {
      expect(toHalf(Float32Array.of(value), "float16")[0]).toBe(bits);
      expect(fromHalf(Uint16Array.of(bits), "float16")[0]).toBe(value);
    }
    expect(through(70000, "float16")).toBe(Infinity);
    expect(through(65520, "float16")).toBe(Infinity);
    expect(through(2 ** -26, "float16")).toBe(0);
  });

  it("rounds to nearest, ties to even, and carries into the exponent", () => {
    expect(through(1 + 2 ** -11, "float16")).toBe(1);
    expect(through(1 + 3 * 2 ** -11, "float16")).toBe(1 + 2 ** -9);
    expect(through(2 - 2 ** -12, "float16")).toBe(2);
    expect(through(1 + 2 ** -8, "bfloat16")).toBe(1);
    expect(through(1 + 3 * 2 ** -8, "bfloat16")).toBe(1 + 2 ** -6);
    expect(through(2 - 2 ** -9, "bfloat16")).toBe(2);
    expect(through(NaN, "float16")).toBeNaN();
    expect(through(NaN, "bfloat16")).toBeNaN();
  });

  it("keeps every 16-bit pattern that is a number", () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    for (const format of ["float16", "bfloat16"] as const) {
      const values = fromHalf(all, format);
      const back = toHalf(values, format);
      back.forEach((bits, i) => {
        if (!Number.isNaN(values[i])) expect(bits).toBe(i);
      });
    }
  });
});

describe("stored snapshots", () => {
  const length = 1001;
  const base = normal(keyFromSeed("base"), length);
  // An expert's distance from its first parameters is a few percent of them.
  const theta = normal(keyFromSeed("moved"), length).map((value, i) => base[i]! + 0.03 * value);
  /** Root mean square error of the stored difference over the difference's own. */
  const loss = (format: "float32" | "float16" | "bfloat16"): number => {
    const found = decodeSnapshot(encodeSnapshot(theta, base, format), base, format, "test");
    const square = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0);
    return Math.sqrt(square(found.map((v, i) => v - theta[i]!)) / square(theta.map((v, i) => v - base[i]!)));
  };

  it("loses nothing in float32, 0.02 % in float16 and 0.2 % in bfloat16 of the way from the start", () => {
    expect(loss("float32")).toBe(0);
    expect(loss("float16")).toBeGreaterThan(1e-5);
    expect(loss("float16")).toBeLessThan(2.5e-4);
    expect(loss("bfloat16")).toBeGreaterThan(1e-3);
    expect(loss("bfloat16")).toBeLessThan(2e-3);
  });

  it("takes half the bytes, odd lengths included", () => {
    expect(encodeSnapshot(theta, base, "float16")["delta"]!.data).toHaveLength(501);
  });

  it("refuses what belongs to a network of another size", () => {
    const stored = encodeSnapshot(theta, base, "float32");
    expect(() => decodeSnapshot(stored, base.slice(1), "float32", "expert 0, epoch 3")).toThrow(
      "expert 0, epoch 3: wanted 1000 numbers for a network of 1000 parameters stored as float32, got 1001; delete the file, and it is made again",
    );
    expect(() => decodeSnapshot(stored, base, "float16", "expert 0, epoch 3")).toThrow("got 0");
  });
});
