import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { readConfigFile } from "./config-file.ts";
import { createProgram } from "./program.ts";
import { formatBytes, formatSeconds } from "./units.ts";

test("a configuration file is checked, and named in the message", () => {
  const folder = mkdtempSync(join(tmpdir(), "limbeck-cli-"));
  try {
    const path = join(folder, "c.yaml");
    writeFileSync(path, "method: dm\nconfig:\n  ipc: 3\n");
    expect(readConfigFile(path)).toEqual({ method: "dm", config: { ipc: 3 } });
    writeFileSync(path, "metod: dm\n");
    expect(() => readConfigFile(path)).toThrow(/c\.yaml: .*Unrecognized key: "metod"/);
    writeFileSync(path, "{ method: [");
    expect(() => readConfigFile(path)).toThrow(/c\.yaml: wanted a YAML or JSON configuration/);
    expect(() => readConfigFile(join(folder, "none.yaml"))).toThrow(
      /none\.yaml: wanted a YAML or JSON configuration/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("options after a command below perf are that command's, not perf's", () => {
  const program = createProgram();
  const below = (parent: Command, name: string): Command =>
    parent.commands.find((command) => command.name() === name)!;
  const backends = below(below(program, "perf"), "backends");
  let given: unknown;
  backends.action((options) => {
    given = options;
  });
  program.parse(["perf", "backends", "--json", "--threads", "1"], { from: "user" });
  expect(given).toMatchObject({ json: true, threads: 1 });
});

test("units", () => {
  expect([0, 999, 1000, 1234567, 999_600].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1 kB",
    "1.23 MB",
    "1 MB",
  ]);
  expect([0.5, 12.34, 59.96, 245, 7790].map(formatSeconds)).toEqual([
    "500 ms",
    "12.3 s",
    "1 min 00 s",
    "4 min 05 s",
    "2 h 10 min",
  ]);
});
