import { addon } from "./addon.ts";
import { currentBackend } from "./register-native-backend.ts";

/**
 * Arithmetic of convolutions and matrix products. `highest`: float32, every product of a convolution. `high`: float32, with
 * Winograd's minimal filtering where it fits (3×3, stride 1, channels in multiples of 16): two to three times as fast, at two
 * to six times the rounding. `default`: that too, and elsewhere bfloat16 products with float32 sums in convolutions where the
 * processor has them.
 */
export type NativePrecision = "highest" | "high" | "default";

/** Number of threads that kernels use, the calling one included. At first: the cores available, or `LIMBECK_THREADS`. */
export function threadCount(): number {
  return addon().threadCount();
}

/**
 * Sets the number of threads. For a given number results always have the same bits.
 * @param count 1 to 256.
 * @throws {Error} if it is out of range.
 */
export function setThreadCount(count: number): void {
  addon().setThreadCount(count);
}

/** Precision in use. */
export function precision(): NativePrecision {
  return addon().precision() as NativePrecision;
}

/**
 * Sets the precision of convolutions and matrix products.
 * @throws {Error} if there is no such precision; the message names those there are.
 */
export function setPrecision(value: NativePrecision): void {
  addon().setPrecision(value);
}

/** Instruction set in use: `portable`, `avx2`, `avx512`, `amx` or `neon`. At first: the best of this machine, or `LIMBECK_ISA`. */
export function isa(): string {
  return addon().isa();
}

/** Instruction sets that this machine and build have; the last is the best. */
export function availableIsas(): string[] {
  return addon().availableIsas();
}

/**
 * Sets the instruction set: for tests and comparisons.
 * @throws {Error} if this machine does not have it; the message names those it has.
 */
export function setIsa(name: string): void {
  addon().setIsa(name);
}

/** What the machine can do at most with the threads, instruction set and precision in use, for rooflines. */
export interface Ceilings {
  /** Multiply-adds a second, from registers alone. */
  readonly multiplyAdds: number;
  /** Bytes a second to and from memory. */
  readonly bytes: number;
}

/** Measures {@link Ceilings}: a third of a second and 192 MiB. */
export function measureCeilings(): Ceilings {
  const [multiplyAdds, bytes] = addon().measureCeilings();
  return { multiplyAdds: multiplyAdds!, bytes: bytes! };
}

/** `NAME: WHY` of an instruction set that the processor has and that is not used all the same; else empty. */
export function isaProblem(): string {
  return addon().isaProblem();
}

/** Memory of the back end, in bytes. */
export interface NativeMemory {
  /** Held by tensors. */
  readonly liveBytes: number;
  /** Kept from disposed tensors for reuse. */
  readonly pooledBytes: number;
  /** Work areas of the kernels. */
  readonly scratchBytes: number;
  /** Beyond the tensors: `pooledBytes + scratchBytes`. */
  readonly bytes: number;
  /** Largest `liveBytes + pooledBytes` since the start or `resetPeak`, plus `scratchBytes`. */
  readonly peakBytes: number;
  /** Starts `peakBytes` afresh from what is held now. */
  resetPeak(): void;
}

/** What the back end holds now. All zero before it is first used. */
export function nativeMemory(): NativeMemory {
  const pool = currentBackend()?.pool;
  const scratchBytes = pool === undefined ? 0 : addon().scratchBytes();
  const pooledBytes = pool?.idleBytes ?? 0;
  return {
    liveBytes: pool?.liveBytes ?? 0,
    pooledBytes,
    scratchBytes,
    bytes: pooledBytes + scratchBytes,
    peakBytes: (pool?.peakBytes ?? 0) + scratchBytes,
    resetPeak: () => pool?.resetPeak(),
  };
}

/** Gives idle tensor memory and the kernels' work areas back to the system. */
export function trimMemory(): void {
  currentBackend()?.pool.trim();
  addon().releaseScratch();
}
