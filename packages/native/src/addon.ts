import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

type Floats = Float32Array;
type MaybeFloats = Float32Array | null;
type Sizes = readonly number[];

/** The C++ addon's functions (cc/binding_*.cc). Every one checks its arguments and throws where they do not fit. */
export interface Addon {
  allocate(bytes: number): ArrayBuffer;
  release(buffer: ArrayBuffer): void;
  mapFile(path: string): ArrayBuffer;
  threadCount(): number;
  setThreadCount(count: number): void;
  precision(): string;
  setPrecision(precision: string): void;
  isa(): string;
  availableIsas(): string[];
  setIsa(isa: string): void;
  isaProblem(): string;
  scratchBytes(): number;
  releaseScratch(): void;

  unaryNames(): string[];
  binaryNames(): string[];
  compareNames(): string[];
  reduceNames(): string[];
  unary(operation: number, x: Floats, y: Floats, p: number, q: number): void;
  binary(
    operation: number,
    shape: Sizes,
    shapeA: Sizes,
    a: Floats,
    shapeB: Sizes,
    b: Floats,
    y: Floats,
  ): void;
  compare(
    operation: number,
    shape: Sizes,
    shapeA: Sizes,
    a: Floats,
    shapeB: Sizes,
    b: Floats,
    y: Uint8Array,
  ): void;
  select(condition: Uint8Array, t: Floats, e: Floats, y: Floats): void;
  fill(y: Floats, value: number): void;
  castFromBytes(x: Uint8Array, y: Floats): void;
  castFromInts(x: Int32Array, y: Floats): void;
  castToBytes(x: Floats, y: Uint8Array): void;
  castToInts(x: Floats, y: Int32Array): void;
  softmax(x: Floats, y: Floats, rows: number, columns: number, logarithm: boolean): void;
  reduce(operation: number, shape: Sizes, axes: Sizes, x: Floats, y: Floats): void;
  /** `shape`: outer, length, inner. */
  argExtreme(largest: boolean, shape: Sizes, x: Floats, y: Int32Array): void;
  /** `shape`: outer, length, inner. */
  cumulativeSum(shape: Sizes, x: Floats, y: Floats, exclusive: boolean, reverse: boolean): void;
  stridedCopy(
    shape: Sizes,
    source: Floats,
    sourceOffset: number,
    sourceStrides: Sizes,
    target: Floats,
    targetOffset: number,
    targetStrides: Sizes,
  ): void;
  /** `shape`: batch, outer, length, slice. */
  gather(shape: Sizes, many: number, x: Floats, indices: Int32Array, y: Floats): void;
  /** `shape`: n, inner. */
  segmentSum(shape: Sizes, segments: number, x: Floats, ids: Int32Array, y: Floats): void;
  oneHot(depth: number, indices: Int32Array, on: number, off: number, y: Floats): void;

  avgPool(shape: Sizes, x: Floats, y: Floats): void;
  maxPool(shape: Sizes, x: Floats, y: Floats): void;
  avgPoolGrad(shape: Sizes, dy: Floats, dx: Floats): void;
  maxPoolGrad(shape: Sizes, x: Floats, dy: Floats, dx: Floats): void;
  /** `shape`: n, h, w, c, outHeight, outWidth. */
  resizeBilinear(shape: Sizes, alignCorners: boolean, halfPixelCenters: boolean, x: Floats, y: Floats): void;
  resizeBilinearGrad(
    shape: Sizes,
    alignCorners: boolean,
    halfPixelCenters: boolean,
    dy: Floats,
    dx: Floats,
  ): void;
  /** `shape`: n, h, w, c, grids, outHeight, outWidth. */
  affineSample(shape: Sizes, x: Floats, grid: Floats, y: Floats): void;
  affineSampleTranspose(shape: Sizes, dy: Floats, grid: Floats, dx: Floats): void;

  /** Multiply-adds and bytes a second that the machine reaches at most. */
  measureCeilings(): number[];
  /** `shape`: n, h, w, c, o, kh, kw, strideH, strideW, padTop, padLeft, outHeight, outWidth. */
  convForward(shape: Sizes, x: Floats, filter: Floats, bias: MaybeFloats, y: Floats): void;
  convBackwardInput(shape: Sizes, dy: Floats, filter: Floats, dx: Floats): void;
  convBackwardFilter(shape: Sizes, x: Floats, dy: Floats, dfilter: Floats): void;
  /** `shape`: batch, m, n, k. */
  matmul(
    shape: Sizes,
    a: Floats,
    repeatA: boolean,
    transposeA: boolean,
    b: Floats,
    repeatB: boolean,
    transposeB: boolean,
    c: Floats,
  ): void;
  /**
   * `shape`: n, h, w, c, o, kh, kw, stride, pad, norm, groups, epsilon, activation, slope, pool, poolSize, attentionPower.
   */
  blockSavedSize(shape: Sizes): number;
  /** x, filter, bias, gamma, beta; pooled, attention, saved, moments, channelAttention. */
  blockForward(shape: Sizes, ...arrays: MaybeFloats[]): void;
  /** x, filter, bias, gamma, beta; saved, dpooled, dattention, dchannelAttention; dx, dfilter, dbias, dgamma, dbeta. */
  blockBackward(shape: Sizes, ...arrays: MaybeFloats[]): void;
  /** x, filter, bias, gamma, beta; saved, dpooled, cx, cfilter, cbias, cgamma, cbeta; gdpooled, gx, gfilter, gbias, ggamma, gbeta. */
  blockBackwardBackward(shape: Sizes, ...arrays: MaybeFloats[]): void;
}

/** Whether the native back end can be used; if not, why and what to do. */
export type NativeStatus =
  { readonly available: true } | { readonly available: false; readonly reason: string; readonly fix: string };

const PATH = fileURLToPath(new URL("../build/Release/limbeck.node", import.meta.url));
const BUILD = "node packages/native/scripts/install.mjs";

let loaded: Addon | undefined;
let status: NativeStatus | undefined;

function load(): NativeStatus {
  const threads = process.env["LIMBECK_THREADS"];
  if (threads !== undefined && !(/^\d+$/.test(threads) && Number(threads) >= 1 && Number(threads) <= 256)) {
    return {
      available: false,
      reason: `LIMBECK_THREADS: a whole number from 1 to 256 is wanted, got "${threads}"`,
      fix: "correct or unset LIMBECK_THREADS",
    };
  }
  try {
    loaded = createRequire(import.meta.url)(PATH) as Addon;
    return { available: true };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "MODULE_NOT_FOUND") {
      return {
        available: false,
        reason: "the native back end was not built when the package was installed",
        fix: `install a C++17 compiler, make and Python 3, then run \`${BUILD}\``,
      };
    }
    if (message.startsWith("setIsa")) {
      return {
        available: false,
        reason: `LIMBECK_ISA: ${message.replace(/^setIsa: /, "")}`,
        fix: "correct or unset LIMBECK_ISA",
      };
    }
    const reason = `the native back end does not load: ${message.split("\n")[0]}`;
    return { available: false, reason, fix: `build it again: \`${BUILD}\`` };
  }
}

/**
 * Loads the C++ addon on first use. Never throws: says why there is none (not built, built for another system, a wrong
 * `LIMBECK_THREADS` or `LIMBECK_ISA`) and what to do.
 */
export function loadNative(): NativeStatus {
  status ??= load();
  return status;
}

/**
 * The addon itself.
 * @throws {Error} where there is none; the message says why and what to do.
 */
export function addon(): Addon {
  const { available, ...why } = loadNative() as { available: boolean; reason?: string; fix?: string };
  if (!available || loaded === undefined) throw new Error(`native: ${why.reason}; ${why.fix}`);
  return loaded;
}
