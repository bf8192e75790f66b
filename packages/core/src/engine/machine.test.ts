import { hostname } from "node:os";
import { expect, test } from "vitest";
import { machineDescription } from "./machine.ts";

test("the machine in one line, without the host's name", () => {
  const description = machineDescription();
  expect(description).toMatch(/^.+, \d+ cores?, \d+ GiB, \w+ \w+, Node \d+\.\d+\.\d+$/);
  expect(description.includes(hostname())).toBe(false);
});
