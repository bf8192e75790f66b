import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addon, type Addon } from "./addon.ts";

const SETTINGS = new Set([
  "setThreadCount",
  "setPrecision",
  "setIsa",
  "allocate",
  "mapFile",
  "releaseScratch",
]);

const argument = fc.oneof(
  fc.constantFrom(
    undefined,
    null,
    true,
    "x",
    {},
    [],
    new Float32Array(0),
    new Float32Array(12),
    new Int32Array(12),
  ),
  fc.constantFrom<unknown>(
    new Uint8Array(12),
    new Float64Array(12),
    new ArrayBuffer(8),
    1n,
    Symbol("s"),
    () => 1,
  ),
  fc.double(),
  fc.integer({ min: -3, max: 20 }),
  fc.array(fc.oneof(fc.integer({ min: -2, max: 6 }), fc.double(), fc.constant("x")), { maxLength: 20 }),
  fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 20 }),
);

describe("the addon", () => {
  it("answers any arguments with a result or an error, never with a crash", () => {
    const native = addon() as unknown as Record<string, (...args: unknown[]) => unknown>;
    const names = Object.keys(native).filter((name) => !SETTINGS.has(name));
    expect(names.length).toBeGreaterThan(30);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(argument, { maxLength: 20 }), (name, args) => {
        try {
          native[name]!(...args);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect((error as Error).message.length).toBeGreaterThan(5);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it.each<[string, (native: Addon) => unknown, string]>([
    [
      "a wrong length",
      (n) => n.unary(0, new Float32Array(3), new Float32Array(4), 0, 0),
      "unary: `y`: Float32Array of 3 is wanted, got Float32Array of 4",
    ],
    [
      "a wrong type",
      (n) => n.unary(0, new Float64Array(3) as never, new Float32Array(3), 0, 0),
      "unary: `x`: Float32Array is wanted, got Float64Array of 3",
    ],
    [
      "an unknown operation",
      (n) => n.unary(99, new Float32Array(3), new Float32Array(3), 0, 0),
      "unary: `operation`: a whole number from 0 to 28 is wanted, got 99",
    ],
    [
      "a negative size",
      (n) => n.avgPool([1, -2, 2, 1, 2, 2, 2, 2, 0, 0, 1, 1], new Float32Array(4), new Float32Array(1)),
      "avgPool: `shape`: a shape without negative sizes is wanted, got an object",
    ],
    [
      "a walk out of its array",
      (n) => n.stridedCopy([4], new Float32Array(4), 1, [1], new Float32Array(4), 0, [1]),
      "stridedCopy: the source has 4 elements, and elements 1 to 4 were asked for",
    ],
    [
      "a shape that does not broadcast",
      (n) => n.binary(0, [2, 3], [2, 3], new Float32Array(6), [2], new Float32Array(2), new Float32Array(6)),
      "broadcast: shape [2] does not broadcast to [2,3]",
    ],
  ])("names %s", (_, call, message) => {
    expect(() => call(addon())).toThrow(message);
  });
});
