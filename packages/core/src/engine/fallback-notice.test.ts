import { expect, test } from "vitest";
import { fallbackNotice } from "./fallback-notice.ts";

const NATIVE = {
  backend: "native",
  reason: "no C++ compiler:\n  g++ not found",
  fix: "install g++",
} as const;

test("one line, only where WASM stands in for native", () => {
  expect(fallbackNotice("wasm", [NATIVE])).toBe(
    "limbeck: no native back end (no C++ compiler: g++ not found), going on with WASM, which is slower; install g++",
  );
  expect(fallbackNotice("tensorflow", [NATIVE])).toBeUndefined();
  expect(fallbackNotice("wasm", [])).toBeUndefined();
});
