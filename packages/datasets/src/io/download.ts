import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { DataError, RunError } from "@limbeck/core";
import { fileDigest } from "../cache/source-identity.ts";
import { errorText } from "./error-text.ts";

/** A file on the net with its published sum. */
export interface Download {
  readonly url: string;
  /** Name below the target folder; may contain `/`. */
  readonly file: string;
  readonly bytes: number;
  readonly sum: { readonly algorithm: "sha256" | "md5"; readonly hex: string };
}

const MOST_ATTEMPTS = 5;

/**
 * Download one file into `folder`, unless it is there. Bytes go to `FILE.part`, which a later call continues by an
 * HTTP range request; the file gets its name only after its size and sum are right. Nothing downloaded is executed.
 *
 * @param onBytes Called with the number of bytes that have arrived, earlier calls included.
 * @returns path of the file.
 * @throws {DataError} naming file, URL and folder, if the server cannot be reached, does not have the file, or sends
 *   another one (which is removed).
 * @throws {RunError} if the folder cannot be written.
 */
export async function downloadFile(
  download: Download,
  folder: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<string> {
  const target = targetOf(download, folder);
  if (existsSync(target)) return target;
  const part = `${target}.part`;
  writing(folder, () => mkdirSync(dirname(target), { recursive: true }));
  for (let attempt = 1; sizeOf(part) !== download.bytes; attempt++) {
    try {
      await fetchRest(download, part, folder, onBytes);
    } catch (error) {
      if (error instanceof BrokenOff && attempt < MOST_ATTEMPTS) continue;
      if (!(error instanceof BrokenOff || error instanceof TypeError)) throw error;
      throw failure(download, folder, `got "${networkText(error)}"`, error);
    }
  }
  const sum = await fileDigest(part, download.sum.algorithm);
  if (sum !== download.sum.hex) {
    rmSync(part, { force: true });
    throw failure(
      download,
      folder,
      `got a file with ${download.sum.algorithm.toUpperCase()} ${sum} instead of ${download.sum.hex}`,
    );
  }
  writing(folder, () => renameSync(part, target));
  return target;
}

async function fetchRest(
  download: Download,
  part: string,
  folder: string,
  onBytes: (bytes: number) => void,
): Promise<void> {
  if (sizeOf(part) > download.bytes) rmSync(part);
  const have = sizeOf(part);
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (have > 0) headers.range = `bytes=${have}-`;
  const response = await fetch(download.url, { headers });
  const continued =
    response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${have}-`);
  if (response.body === null || (response.status !== 200 && continued !== true)) {
    await response.body?.cancel();
    throw failure(
      download,
      folder,
      `the server answered ${response.status} ${response.statusText}`.trimEnd(),
    );
  }
  let arrived = continued === true ? have : 0;
  // A server without ranges sends everything again.
  const file = writing(folder, () => openSync(part, arrived === 0 ? "w" : "a"));
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      arrived += chunk.length;
      if (arrived > download.bytes) break;
      writing(folder, () => writeAll(file, chunk));
      onBytes(arrived);
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // fetch reports every trouble on the line as a TypeError
    throw new BrokenOff(networkText(error), { cause: error });
  } finally {
    closeSync(file);
  }
  if (arrived > download.bytes) {
    rmSync(part);
    throw failure(download, folder, `got more than ${download.bytes} bytes`);
  }
  if (arrived < download.bytes) {
    throw new BrokenOff(`the connection ended after ${arrived} of ${download.bytes} bytes`);
  }
}

/** The answer began and did not come to its end: worth another attempt. */
class BrokenOff extends Error {}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}

function targetOf({ file }: Download, folder: string): string {
  return join(folder, ...file.split("/"));
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

/** Undici hides the reason in `cause`. */
function networkText(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? errorText(error) : errorText(cause);
}

function failure(download: Download, folder: string, problem: string, cause?: unknown): DataError {
  const kept = sizeOf(`${targetOf(download, folder)}.part`);
  const again = kept > 0 ? `try again (${kept} bytes are kept)` : "try again";
  return new DataError(
    `${download.file}: wanted to download ${download.url}, ${problem}; ` +
      `${again}, or get the file yourself and put it into ${folder}`,
    { cause },
  );
}

function writing<T>(folder: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw unwritable(folder, error);
  }
}

function unwritable(folder: string, error: unknown): RunError {
  return new RunError(
    `${folder}: wanted to write a download there, got "${errorText(error)}"; ` +
      `make room or set LIMBECK_DATA to another folder`,
    { cause: error },
  );
}
