import { ConfigError } from "../errors.ts";

/** Every back end Limbeck knows, fastest kind first. `cpu` (plain JavaScript) is the reference of the tests. */
export const BACKEND_NAMES = ["tensorflow", "webgpu", "native", "wasm", "cpu"] as const;

/** A back end by the name that tfjs registers it under. */
export type BackendName = (typeof BACKEND_NAMES)[number];

/**
 * Reads the name of a back end.
 *
 * @param text What the user wrote.
 * @param where Start of the error message: the option or variable the text came from.
 * @throws {ConfigError} if the name is unknown, with the known ones, or more than one.
 */
export function parseBackendName(text: string, where = "useBackend"): BackendName | "auto" {
  if (text === "auto") return "auto";
  const name = BACKEND_NAMES.find((known) => known === text);
  if (name !== undefined) return name;
  const several = text.split(/[\s,+]+/);
  if (several.length > 1 && several.every((each) => BACKEND_NAMES.some((known) => known === each))) {
    throw new ConfigError(
      `${where}: wanted one back end, got ${several.join(" and ")}; a process computes on one: start one for each`,
    );
  }
  throw new ConfigError(
    `${where}: unknown back end "${text}"; known: auto, ${[...BACKEND_NAMES].sort().join(", ")}`,
  );
}
