import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { buffer } from "node:stream/consumers";
import { openPromise, type Entry, type ZipFile } from "yauzl";
import { ConfigError } from "../errors.ts";
import { digestOfDigests, libraryNames, NEEDED_HEADERS } from "./c-library.ts";

/** A Python wheel of TensorFlow whose list of members was read and found good; nothing is unpacked yet. */
export interface Wheel {
  readonly path: string;
  /** Distribution, such as `tensorflow_cpu`. */
  readonly name: string;
  readonly version: string;
  /** Of the libraries, from the wheel's own list: {@link extractWheel} checks it. */
  readonly digest: string;
  /** Bytes of what {@link extractWheel} writes. */
  readonly bytes: number;
  readonly libraries: readonly string[];
  readonly members: readonly Member[];
}

interface Member {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256, base64url, from the wheel's RECORD. */
  readonly sha256: string;
  /** Path below the folder that it is unpacked into. */
  readonly target: string;
}

const GIBIBYTE = 2 ** 30;
const LARGEST_LIBRARY = 8 * GIBIBYTE;
const LARGEST_HEADER = 16 * 2 ** 20;
const LARGEST_METADATA = 64 * 2 ** 20;
const MOST_MEMBERS = 500_000;

/** Of the wheel's headers, those that the C interface is made of. */
const HEADERS = /^tensorflow\/include\/((?:tensorflow\/c|tensorflow\/core\/platform|tsl|xla\/tsl\/c)\/.*)$/;

/**
 * Reads what a wheel holds.
 *
 * @throws {ConfigError} if it is no wheel of TensorFlow for this platform, is damaged, or has no libraries or headers.
 */
export async function openWheel(path: string): Promise<Wheel> {
  return withZip(path, async (zip, entries) => {
    const info = [...entries.keys()].find((name) => /^[^/]+\.dist-info\/RECORD$/.test(name));
    const [, name, version] = /^(.+)-([^-]+)\.dist-info\/RECORD$/.exec(info ?? "") ?? [];
    if (info === undefined || name === undefined || version === undefined) {
      throw wrong(path, "it has no .dist-info/RECORD");
    }
    const files = [...entries.keys()]
      .filter((each) => posix.dirname(each) === "tensorflow")
      .map((each) => basename(each));
    const libraries = libraryNames(files);
    checkPlatform(path, await metadata(zip, entries.get(posix.join(posix.dirname(info), "WHEEL")), path));
    if (libraries === undefined) {
      throw wrong(path, `${name} ${version} has no libtensorflow_cc (TensorFlow from 2.10 on has)`);
    }
    const sums = parseRecord((await metadata(zip, entries.get(info), path)).toString("utf8"));
    const member = (name: string, target: string, most: number): Member => {
      const entry = entries.get(name)!;
      const sha256 = sums.get(name);
      if (sha256 === undefined) throw wrong(path, `its RECORD has no SHA-256 of ${name}`);
      if (entry.uncompressedSize > most) {
        throw wrong(path, `${name} would be ${entry.uncompressedSize} bytes, more than ${most}`);
      }
      return { name, bytes: entry.uncompressedSize, sha256, target };
    };
    const headers = [...entries.keys()].flatMap((each) => {
      const below = HEADERS.exec(each)?.[1];
      return below === undefined || each.endsWith("/")
        ? []
        : [member(each, `include/${below}`, LARGEST_HEADER)];
    });
    const missing = NEEDED_HEADERS.filter(
      (header) => !headers.some(({ target }) => target === `include/${header}`),
    );
    if (missing.length > 0) throw wrong(path, `it has no headers: ${missing.join(", ")} missing`);
    const binaries = libraries.map((each) => member(`tensorflow/${each}`, `lib/${each}`, LARGEST_LIBRARY));
    const members = [...binaries, ...headers];
    return {
      path,
      name,
      version,
      digest: digestOfDigests(binaries.map(({ name, sha256 }) => [basename(name), sha256])),
      bytes: members.reduce((sum, { bytes }) => sum + bytes, 0),
      libraries,
      members,
    };
  });
}

/**
 * Unpacks libraries to `lib` and headers to `include` of `folder`, each checked against the wheel's own SHA-256.
 *
 * @throws {ConfigError} if the wheel is damaged; what was written stays for the caller to remove.
 */
export async function extractWheel(wheel: Wheel, folder: string, signal?: AbortSignal): Promise<void> {
  await withZip(wheel.path, async (zip, entries) => {
    for (const { name, target, sha256 } of wheel.members) {
      const path = join(folder, target);
      mkdirSync(dirname(path), { recursive: true });
      const hash = createHash("sha256");
      const hashing = new Transform({
        transform(part: Buffer, _, done) {
          hash.update(part);
          done(null, part);
        },
      });
      const stream = await zip.openReadStreamPromise(entries.get(name)!);
      await pipeline(stream, hashing, createWriteStream(path), signal === undefined ? {} : { signal });
      if (hash.digest("base64url") !== sha256) {
        throw wrong(wheel.path, `${name} is not what its RECORD says (SHA-256)`);
      }
    }
  });
}

/** Opens a zip file and reads its list; names that leave their folder and sizes that contradict themselves are refused. */
async function withZip<T>(
  path: string,
  use: (zip: ZipFile, entries: ReadonlyMap<string, Entry>) => Promise<T>,
): Promise<T> {
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(path, { autoClose: false, lazyEntries: true });
    if (zip.entryCount > MOST_MEMBERS) throw wrong(path, `it lists ${zip.entryCount} members`);
    const entries = new Map<string, Entry>();
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
    return await use(zip, entries);
  } catch (error) {
    throw foreign(error) ? wrong(path, (error as Error).message, error) : error;
  } finally {
    zip?.close();
  }
}

/** Complaints of the zip reader and of inflation, not of the disk, nor our own, nor an interruption. */
function foreign(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof ConfigError || error.name === "AbortError") return false;
  return !("syscall" in error);
}

async function metadata(zip: ZipFile, entry: Entry | undefined, path: string): Promise<Buffer> {
  if (entry === undefined) throw wrong(path, "it has no .dist-info/WHEEL");
  if (entry.uncompressedSize > LARGEST_METADATA) throw wrong(path, `${entry.fileName} is too large`);
  return buffer(await zip.openReadStreamPromise(entry));
}

/** `path,sha256=BASE64URL,bytes` a line; paths with commas stand in quotation marks. */
function parseRecord(text: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, quoted, plain, sum] = /^(?:"((?:[^"]|"")*)"|([^",]*)),sha256=([\w-]+),\d*$/.exec(line) ?? [];
    if (sum !== undefined) sums.set((quoted?.replaceAll('""', '"') ?? plain)!, sum);
  }
  return sums;
}

const ARCHITECTURES: Readonly<Record<string, RegExp>> = {
  "linux-x64": /linux.*_x86_64$/,
  "linux-arm64": /linux.*_aarch64$/,
  "darwin-x64": /^macosx_.*_(x86_64|universal2)$/,
  "darwin-arm64": /^macosx_.*_(arm64|universal2)$/,
};

/** The Python version in the tags does not matter: only the C library is used. */
function checkPlatform(path: string, wheelFile: Buffer): void {
  const tags = [...wheelFile.toString("utf8").matchAll(/^Tag:\s*[^-\s]+-[^-\s]+-(\S+)\s*$/gm)].map(
    (tag) => tag[1]!,
  );
  const wanted = ARCHITECTURES[`${process.platform}-${process.arch}`];
  if (wanted !== undefined && tags.some((tag) => wanted.test(tag) && !tag.startsWith("musl"))) return;
  throw new ConfigError(
    `${path}: wanted a wheel for ${process.platform} ${process.arch}, got one for ${tags.join(", ") || "no platform"}; fetch the one ` +
      "of this machine with `python3 -m pip download --no-deps tensorflow` (any version of Python serves)",
  );
}

function wrong(path: string, reason: string, cause?: unknown): ConfigError {
  return new ConfigError(
    `${path}: wanted a Python wheel of TensorFlow, got a file that is none or is damaged: ${reason}; fetch it again with ` +
      "`python3 -m pip download --no-deps tensorflow`",
    { cause },
  );
}
