import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { RunError } from "@limbeck/core";
import { buildPage } from "./build-page.ts";

/** The page without its data. */
export interface PageFiles {
  readonly script: string;
  readonly style: string;
  /** Script of the worker that trains. */
  readonly worker: string;
  /** tfjs compiled to WebAssembly, with SIMD. */
  readonly wasm: Uint8Array;
}

const HERE = dirname(fileURLToPath(import.meta.url));
const PACKAGE = join(HERE, "..");

/**
 * The page's files. A published package has them; in a checkout they are bundled on first use, and again when a source has changed,
 * into `build/` beside the sources, named after what they were made from.
 *
 * @throws {RunError} if the bundle cannot be made.
 */
export async function pageFiles(): Promise<PageFiles> {
  const published = join(HERE, "page");
  const folder = existsSync(join(published, "page.js")) ? published : await builtPage();
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  return {
    script: read("page.js"),
    style: read("page.css"),
    worker: read("worker.js"),
    wasm: readFileSync(wasmPath()),
  };
}

async function builtPage(): Promise<string> {
  const target = join(PACKAGE, "build", `page-${sourceDigest()}`);
  if (existsSync(join(target, "page.js"))) return target;
  let made: string | undefined;
  try {
    for (const old of readdirSync(madeFolder(join(PACKAGE, "build")))) {
      if (old.startsWith("page-")) rmSync(join(PACKAGE, "build", old), { recursive: true, force: true });
    }
    made = mkdtempSync(join(PACKAGE, "build", "making-"));
    await buildPage(made);
    renameSync(made, target);
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(join(target, "page.js"))) {
      throw new RunError(`report: the page could not be bundled: ${(error as Error).message}`, {
        cause: error,
      });
    }
  } finally {
    if (made !== undefined) rmSync(made, { recursive: true, force: true });
  }
  return target;
}

/** SHA-256 over the names and contents of everything that is bundled, but for the installed packages. */
function sourceDigest(): string {
  const hash = createHash("sha256");
  const folders = [
    join(PACKAGE, "page"),
    HERE,
    join(dirname(fileURLToPath(import.meta.resolve("@limbeck/core")))),
  ];
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
      if (!/\.(ts|css)$/.test(name) || name.endsWith(".test.ts")) continue;
      hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

function wasmPath(): string {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json"));
  return join(folder, "wasm-out", "tfjs-backend-wasm-simd.wasm");
}

function madeFolder(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}
