import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { createFolder, removeOrphans, writeFileBeside } from "../artifact/durable-file.ts";
import { BackendError, ConfigError, InterruptedError, RunError } from "../errors.ts";
import { pidInUse } from "../run/process-identity.ts";
import { buildBinding, type BindingSources } from "./build-binding.ts";
import { digestOf, findCLibrary } from "./c-library.ts";
import { checkBinding, type BindingCheck } from "./check-binding.ts";
import { HOW_TO_GET_TENSORFLOW, pythonTensorflowFolder } from "./python-tensorflow.ts";
import { currentFile, currentSetup, SETUP_FILE, setupFolder, type TensorflowSetup } from "./setup-folder.ts";
import {
  installedTensorflowPackages,
  TENSORFLOW_PACKAGES,
  type TensorflowPackage,
} from "./tensorflow-package.ts";
import { extractWheel, openWheel, type Wheel } from "./wheel.ts";

export interface SetupOptions {
  /** A Python wheel, a folder with the C library, or `pip`: what Python has installed. Default: `pip`. */
  readonly from?: string;
  /** Instead of `LIMBECK_CACHE` or the user's cache folder. */
  readonly cache?: string;
  readonly signal?: AbortSignal;
  /** What is being done, in words. */
  readonly onStep?: (step: string) => void;
  /** The tfjs-node packages to choose from, best first. Default: those installed here. */
  readonly packages?: readonly TensorflowPackage[];
  /** Options of node for the process that checks; default: those of this process. */
  readonly nodeArguments?: readonly string[];
}

/** A setup that is in force from now on. */
export interface SetupReport {
  readonly package: string;
  readonly tensorflow: string;
  /** Whether an NVIDIA card computes. */
  readonly gpu: boolean;
  readonly source: string;
  readonly folder: string;
  /** Paths of NVIDIA's libraries that were found beside TensorFlow. */
  readonly cudaLibraries: readonly string[];
  /** True where the same had been set up before. */
  readonly reused: boolean;
}

/** Where TensorFlow comes from, looked at and found good. */
type Source =
  | { readonly kind: "wheel"; readonly wheel: Wheel }
  | { readonly kind: "folder"; readonly folder: string; readonly sources: Omit<BindingSources, "package"> };

/** Room beside the libraries: binding and compiler's files. */
const SPARE_BYTES = 32 * 2 ** 20;

/**
 * Makes the installed tfjs-node package run on another TensorFlow than the one it was published for: compiles the
 * package's binding against it in the cache, checks it in a fresh process, and only then puts it in force in one rename.
 * The package's folder is not touched. A setup that fails or is stopped leaves the earlier one in force.
 *
 * @throws {ConfigError} if package, compiler or TensorFlow are missing or do not fit.
 * @throws {BackendError} if the result does not run; {@link RunError} if the disk is full; {@link InterruptedError} where it was
 *   stopped.
 */
export async function setupTensorflow(options: SetupOptions = {}): Promise<SetupReport> {
  try {
    return await setUp(options);
  } catch (error) {
    if (options.signal?.aborted !== true) throw error;
    throw new InterruptedError("setup tensorflow: stopped; what was set up before is still in force", {
      cause: error,
    });
  }
}

async function setUp(options: SetupOptions): Promise<SetupReport> {
  const { cache, signal, nodeArguments, onStep = () => undefined } = options;
  const target = wantedPackage(options.packages ?? installedTensorflowPackages());
  const source = await readSource(options.from ?? "pip");
  if (source.kind === "folder") onStep(`reading ${source.sources.libraries.join(", ")}`);
  const digest =
    source.kind === "wheel" ? source.wheel.digest : await digestOf(source.sources.libraries, signal);
  const check = (binding: string): Promise<BindingCheck> =>
    checkBinding(target, binding, { signal, ...(nodeArguments === undefined ? {} : { nodeArguments }) });
  const reused = await reuse(target, source, digest, cache, check);
  if (reused !== undefined) return reused;

  const slot = setupFolder(cache);
  mkdirSync(slot, { recursive: true });
  clearOrphans(slot);
  const name = freeName(slot, `${target.name.split("/").at(-1)!}-${target.version}-${digest.slice(0, 12)}`);
  const folder = join(slot, name);
  let found: BindingCheck | undefined;
  let setup: TensorflowSetup | undefined;
  await createFolder(folder, async (beside) => {
    const sources = source.kind === "wheel" ? await unpack(source.wheel, beside, options) : source.sources;
    onStep("compiling the binding");
    const binding = await buildBinding({ package: target, ...sources }, beside, signal);
    onStep("checking it in a process of its own");
    found = await check(binding);
    rmSync(join(beside, "include"), { recursive: true, force: true });
    setup = describe(target, source, sources, beside, digest, found.version);
    writeFileSync(join(beside, SETUP_FILE), `${JSON.stringify(setup, null, 2)}\n`);
  });
  writeFileBeside(currentFile(cache), `${JSON.stringify({ format: 1, entry: name })}\n`);
  removeOthers(slot, name);
  return report(setup!, folder, found!, false);
}

/**
 * Undoes {@link setupTensorflow}: removes every setup of this platform.
 *
 * @returns The folder that was removed, or undefined where nothing was set up.
 */
export function removeTensorflowSetup(cache?: string): string | undefined {
  const slot = setupFolder(cache);
  if (!existsSync(slot)) return undefined;
  // First out of force: a removal that is interrupted leaves no half setup in use.
  rmSync(currentFile(cache), { force: true });
  rmSync(slot, { recursive: true, force: true });
  return slot;
}

function wantedPackage([target]: readonly TensorflowPackage[]): TensorflowPackage {
  if (process.platform !== "linux" && process.platform !== "darwin") {
    throw new ConfigError(
      `setup tensorflow: wanted Linux or macOS, whose Python packages hold the C library, this is ${process.platform}; use the ` +
        "Windows Subsystem for Linux, or the webgpu back end",
    );
  }
  if (target === undefined) {
    throw new ConfigError(
      `setup tensorflow: wanted ${TENSORFLOW_PACKAGES.join(" or ")}, neither is installed; run ` +
        `\`npm install --ignore-scripts ${TENSORFLOW_PACKAGES[0]}\` in the folder you work in`,
    );
  }
  return target;
}

async function readSource(from: string): Promise<Source> {
  if (from === "pip") return fromFolder(await pythonTensorflowFolder());
  const path = resolve(from);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new ConfigError(
      `setup tensorflow: --from: wanted a wheel, a folder or pip, ${path} does not exist; ${HOW_TO_GET_TENSORFLOW}`,
    );
  }
  return found.isDirectory() ? fromFolder(path) : { kind: "wheel", wheel: await openWheel(path) };
}

function fromFolder(folder: string): Source {
  const { libraries, include, cudaLibraries } = findCLibrary(folder);
  const searched = [...new Set(libraries.map((path) => dirname(path)))];
  return {
    kind: "folder",
    folder: resolve(folder),
    sources: { include, libraries, searched, cudaLibraries },
  };
}

const originOf = (source: Source): string => (source.kind === "wheel" ? source.wheel.path : source.folder);

/** The setup in force where it is of the same parts and still works. */
async function reuse(
  target: TensorflowPackage,
  source: Source,
  digest: string,
  cache: string | undefined,
  check: (binding: string) => Promise<BindingCheck>,
): Promise<SetupReport | undefined> {
  const state = currentSetup([target], cache);
  if (state.kind !== "ready") return undefined;
  const { tensorflow, source: origin, libraries } = state.setup;
  const same =
    source.kind === "wheel" ? !libraries.some(({ path }) => isAbsolute(path)) : origin === source.folder;
  if (tensorflow.digest !== digest || !same) return undefined;
  try {
    return report(state.setup, state.folder, await check(state.binding), true);
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    // It no longer works: built again.
    return undefined;
  }
}

async function unpack(
  wheel: Wheel,
  folder: string,
  { signal, onStep = () => undefined }: SetupOptions,
): Promise<Omit<BindingSources, "package">> {
  checkRoom(folder, wheel.bytes + SPARE_BYTES);
  onStep(`unpacking TensorFlow ${wheel.version}`);
  await extractWheel(wheel, folder, signal);
  return {
    include: join(folder, "include"),
    libraries: wheel.libraries.map((name) => join(folder, "lib", name)),
    searched: ["$ORIGIN/lib"],
    cudaLibraries: [],
  };
}

/** @throws {RunError} if the disk of `folder` has less than `wanted` bytes. */
export function checkRoom(folder: string, wanted: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free >= wanted) return;
  throw new RunError(
    `${folder}: wanted ${wanted} bytes for TensorFlow's libraries, the disk has ${free}; free some space, or set LIMBECK_CACHE ` +
      "to a folder on another disk",
  );
}

function describe(
  target: TensorflowPackage,
  source: Source,
  sources: Omit<BindingSources, "package">,
  folder: string,
  digest: string,
  version: string,
): TensorflowSetup {
  const inside = `${folder}/`;
  return {
    format: 1,
    package: { name: target.name, version: target.version },
    tensorflow: { version, digest },
    source: originOf(source),
    libraries: sources.libraries.map((path) => ({
      path: path.startsWith(inside) ? path.slice(inside.length) : path,
      bytes: statSync(path).size,
    })),
    cudaLibraries: [...sources.cudaLibraries],
  };
}

function report(
  { package: target, source, cudaLibraries }: TensorflowSetup,
  folder: string,
  { version, gpu }: BindingCheck,
  reused: boolean,
): SetupReport {
  return {
    package: `${target.name} ${target.version}`,
    tensorflow: version,
    gpu,
    source,
    folder,
    cudaLibraries,
    reused,
  };
}

/** A name that no setup has: one that does not work any more keeps its folder until the new one is in force. */
function freeName(slot: string, name: string): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}-${n}`;
    if (!existsSync(join(slot, candidate))) return candidate;
  }
}

/** What killed setups of this machine have left. */
function clearOrphans(slot: string): void {
  const mark = `.${hostname()}-`;
  for (const file of readdirSync(slot)) {
    const end = file.lastIndexOf(mark);
    if (end > 0) removeOrphans(join(slot, file.slice(0, end)), (pid) => !pidInUse(pid));
  }
}

/** Only one setup is in force; others hold up to a gigabyte each. One being built ends in `.part` and stays. */
function removeOthers(slot: string, name: string): void {
  for (const file of readdirSync(slot, { withFileTypes: true })) {
    const building = file.name.endsWith(".part");
    if (file.isDirectory() && file.name !== name && !building) {
      rmSync(join(slot, file.name), { recursive: true, force: true });
    }
  }
}
