import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "@limbeck/core";
import { LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { knownKeysAt, sweepFileSchema, type SweepFile } from "./sweep-file.ts";
import { pathLocator, problemsError, yamlLocator, type Locate, type SweepProblem } from "./sweep-problems.ts";

/** A sweep file that was read; what it names is not checked yet. */
export interface ReadSweep {
  /** Path as given, for messages. */
  readonly path: string;
  /** Folder that paths of sets are relative to. */
  readonly folder: string;
  readonly file: SweepFile;
  readonly locate: Locate;
  /** Its unknown keys: `file` is without them, and nothing may be run. */
  readonly problems: readonly SweepProblem[];
}

/**
 * Reads a sweep: YAML or JSON, or a module (`.ts`, `.js`, `.mjs`) that exports it as `sweep`.
 *
 * @throws {ConfigError} if the file cannot be read or has a wrong form, all such errors at once with their lines.
 */
export async function readSweepFile(path: string): Promise<ReadSweep> {
  return /\.[cm]?[jt]s$/.test(path) ? readModule(path) : readYaml(path);
}

async function readModule(path: string): Promise<ReadSweep> {
  let module: { readonly sweep?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as typeof module;
  } catch (cause) {
    const hint =
      (cause as { code?: unknown }).code === "ERR_UNKNOWN_FILE_EXTENSION"
        ? "; this Node.js reads no TypeScript: write it as .mjs or YAML, or start node with --import tsx"
        : "";
    throw new ConfigError(`${path}: wanted a module, got ${(cause as Error).message}${hint}`, { cause });
  }
  if (module.sweep === undefined)
    throw new ConfigError(`${path}: wanted an export called "sweep", found none`);
  return checkForm(path, module.sweep, pathLocator);
}

function readYaml(path: string): ReadSweep {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`${path}: wanted a sweep file, got ${(cause as Error).message}`, { cause });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const broken = [...document.errors, ...document.warnings].map(
    ({ pos, message }) => `${path}, line ${lines.linePos(pos[0]).line}: ${message}`,
  );
  if (broken.length > 0) throw new ConfigError(broken.join("\n"));
  return checkForm(path, document.toJS({ maxAliasCount: 100 }), yamlLocator(document, lines));
}

/** Unknown keys are left out and told later, with everything else that is wrong; any other error of form ends it here. */
function checkForm(path: string, value: unknown, locate: Locate): ReadSweep {
  const plain = structuredClone(value ?? {});
  const first = sweepFileSchema.safeParse(plain);
  const issues = first.success ? [] : first.error.issues;
  for (const issue of issues) if (issue.code === "unrecognized_keys") dropKeys(plain, issue);
  const parsed = sweepFileSchema.safeParse(plain);
  const problems = issues.flatMap(problemsOf);
  if (parsed.success) return { path, folder: dirname(resolve(path)), file: parsed.data, locate, problems };
  throw problemsError(path, problems, locate)!;
}

function dropKeys(value: unknown, { path, keys }: z.core.$ZodIssueUnrecognizedKeys): void {
  // The only element of a list may stand without the list: its position leads nowhere.
  const object = path.reduce<unknown>(
    (node, part) => (typeof part === "number" && !Array.isArray(node) ? node : (node as Tree)[part]),
    value,
  );
  for (const key of keys) delete (object as Tree)[key];
}

type Tree = Record<PropertyKey, unknown>;

function problemsOf(issue: z.core.$ZodIssue): SweepProblem[] {
  if (issue.code !== "unrecognized_keys") return [{ path: issue.path, message: textOf(issue) }];
  const known = knownKeysAt(issue.path).join(", ");
  return issue.keys.map((key) => ({
    path: [...issue.path, key],
    message: `unknown key "${key}"; known: ${known}`,
  }));
}

function textOf({ path, message }: z.core.$ZodIssue): string {
  const key = path.findLast((part) => typeof part === "string");
  return key === undefined ? message : `${String(key)}: ${message}`;
}
