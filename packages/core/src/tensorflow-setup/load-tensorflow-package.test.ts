import { expect, test } from "vitest";
import { restoreUtilFunctions } from "./load-tensorflow-package.ts";

test("what newer versions of Node have removed is put back, what is there stays", () => {
  const own = (): boolean => true;
  const module: Record<string, unknown> = { isArray: own };
  restoreUtilFunctions(module);
  expect(module["isArray"]).toBe(own);
  const isNullOrUndefined = module["isNullOrUndefined"] as (value: unknown) => boolean;
  expect([null, undefined, 0, "", false].map(isNullOrUndefined)).toEqual([true, true, false, false, false]);
});
