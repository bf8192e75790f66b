import { describe, expect, it } from "vitest";
import { beta } from "./beta.ts";
import { foldIn, keyFromSeed } from "./key.ts";

describe("beta", () => {
  const key = keyFromSeed("beta");

  it.each([0.2, 0.8, 1, 4])("has mean ½ and variance 1/(8α + 4) for α = %d", (alpha) => {
    const n = 8000;
    const x = Array.from({ length: n }, (_, i) => beta(foldIn(key, i), alpha));
    const mean = x.reduce((a, b) => a + b) / n;
    const variance = x.reduce((a, b) => a + (b - 0.5) ** 2, 0) / n;
    const expected = 1 / (8 * alpha + 4);
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(expected / n));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(x.every((v) => v >= 0 && v <= 1)).toBe(true);
  });

  it("refuses other shapes", () => {
    expect(() => beta(key, 0)).toThrow("beta: `alpha` must be positive, got 0");
  });
});
