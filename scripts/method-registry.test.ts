import { expect, test } from "vitest";
import { exportedMethods, registrySource, withMethodDependencies } from "./method-registry.ts";

const PACKAGES = [
  { name: "@limbeck/alpha", folder: "alpha", methods: ["zed", "one"] },
  { name: "@limbeck/beta", folder: "beta", methods: ["mid"] },
];

test("methods are the values that an index exports from method.ts files", () => {
  const index = `
    export { dmConfigSchema, type DmConfig } from "./dm/config.ts";
    export { dm, type DmState } from "./dm/method.ts";
    export {
      other as datadam,
    } from "./datadam/method.ts";
    export { single } from "./method.ts";
    export type { Hidden } from "./method.ts";
    export { classMeans } from "./shared/class-means.ts";`;
  expect(exportedMethods(index)).toEqual(["datadam", "dm", "single"]);
});

test("the registry imports by package and lists by name", () => {
  expect(registrySource(PACKAGES)).toMatchInlineSnapshot(`
    "// Written by \`pnpm gen\` from the folders of packages/methods. Do not edit.
    import { zed, one } from "@limbeck/alpha";
    import { mid } from "@limbeck/beta";
    import type { DistillationMethod } from "@limbeck/core";

    /** Every method of this workspace, by name. */
    export const methods: readonly DistillationMethod[] = [mid, one, zed];
    "
  `);
});

test("a missing dependency is added in its place, present ones stay as they are", () => {
  const manifest = { name: "cli", dependencies: { "@limbeck/beta": "1.0.0", zod: "catalog:" } };
  expect(withMethodDependencies(manifest, PACKAGES).dependencies).toEqual({
    "@limbeck/alpha": "workspace:^",
    "@limbeck/beta": "1.0.0",
    zod: "catalog:",
  });
  expect(withMethodDependencies(manifest, PACKAGES.slice(1))).toBe(manifest);
});
