import { expect, test } from "vitest";
import { inOrder, publishedPackages } from "./workspace.ts";

function named(name: string, ...dependencies: string[]) {
  return { name, version: "1.0.0", folder: name, dependencies };
}

test("packages come after what they depend on", () => {
  const sorted = inOrder([named("cli", "method", "core"), named("method", "core"), named("core")]);
  expect(sorted.map(({ name }) => name)).toEqual(["core", "method", "cli"]);
});

test("a cycle is an error that names its packages", () => {
  expect(() => inOrder([named("core"), named("a", "b"), named("b", "a")])).toThrow(
    "workspace: dependencies must have no cycle, got one among a, b",
  );
});

test("this workspace publishes its packages, not its tests or its template", () => {
  const names = publishedPackages().map(({ name }) => name);
  expect(names.slice(0, 2)).toEqual(["@limbeck/native", "@limbeck/core"]);
  expect(names).toContain("@limbeck/attention-matching");
  expect(names.at(-1)).toBe("@limbeck/cli");
  expect(names.some((name) => /test|template/.test(name))).toBe(false);
});
