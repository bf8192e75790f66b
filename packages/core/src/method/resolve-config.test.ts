import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { resolveConfig } from "./resolve-config.ts";

const method = {
  id: "dm",
  configSchema: z.strictObject({
    ipc: z.int().min(1),
    iterations: z.int().min(1).default(100),
    augment: z.strictObject({ flip: z.boolean().default(true) }).default({ flip: true }),
  }),
  presets: {
    small: { status: "sample", source: "for trying out", dataset: "any", config: { ipc: 2, iterations: 5 } },
    large: { status: "sample", source: "for trying out", dataset: "any", config: { ipc: 50 } },
  },
} as const;

describe("resolveConfig", () => {
  it("fills defaults, and lets config replace the preset and ipc replace both", () => {
    expect(resolveConfig(method, { ipc: 3 })).toEqual({ ipc: 3, iterations: 100, augment: { flip: true } });
    expect(resolveConfig(method, { preset: "small" })).toMatchObject({ ipc: 2, iterations: 5 });
    expect(resolveConfig(method, { preset: "small", config: { iterations: 7 }, ipc: 1 })).toMatchObject({
      ipc: 1,
      iterations: 7,
    });
  });

  it("names an unknown key and the known ones, also inside an object", () => {
    expect(messageOf({ ipc: 1, stepz: 3 })).toMatchInlineSnapshot(
      `"dm config: Unrecognized key: "stepz"; known: ipc, iterations, augment"`,
    );
    expect(messageOf({ ipc: 1, augment: { flop: true } })).toMatchInlineSnapshot(
      `"dm config: augment: Unrecognized key: "flop"; known: flip"`,
    );
  });

  it("names a value that is missing, out of range or of the wrong type", () => {
    expect(messageOf({})).toMatchInlineSnapshot(
      `"dm config: ipc: missing; invalid input: expected number, received undefined"`,
    );
    expect(messageOf({ ipc: 0, iterations: "many" })).toMatchInlineSnapshot(`
      "dm config: ipc: Too small: expected number to be >=1, got 0
      dm config: iterations: Invalid input: expected number, received string, got "many""
    `);
  });

  it("names an unknown preset and the known ones, and an ipc given twice", () => {
    expect(() => resolveConfig(method, { preset: "smal" })).toThrow(
      new ConfigError(`dm: unknown preset "smal"; known: small, large`),
    );
    expect(() => resolveConfig(method, { preset: "toString" })).toThrow(ConfigError);
    expect(() => resolveConfig(method, { ipc: 1, config: { ipc: 2 } })).toThrow(
      new ConfigError("dm config: ipc is given twice, as 1 and in the configuration as 2; give it once"),
    );
  });
});

function messageOf(config: object): string {
  try {
    resolveConfig(method, { config });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("the configuration was accepted");
}
