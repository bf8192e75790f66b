import * as tf from "@tensorflow/tfjs-core";

/** One unit of work whose speed stands for a family of methods. */
export interface Workload {
  readonly name: string;
  /** What one unit is, in words. */
  readonly unit: string;
  /** Multiply-adds of one unit, all passes: seconds and this give the rate. */
  multiplyAdds(): number;
  /** Whether peers have the same inputs, bit for bit, and so must come to the same number. */
  readonly isComparable?: true;
  /** Makes everything that is not timed. */
  prepare(): PreparedWorkload;
}

export interface PreparedWorkload {
  /** One unit; resolves when the result lies in memory. Returns a number computed from the result, for checks. */
  run(): Promise<number>;
  dispose(): void;
}

/** What `pnpm perf` prints, one JSON line. */
export interface Measurement {
  readonly name: string;
  /** Median wall seconds of one unit. */
  readonly seconds: number;
  /** Median processor seconds of one unit, all threads: what to compare where other work shares the machine. */
  readonly processorSeconds?: number;
  /** Peak resident memory of the whole process, bytes (`ru_maxrss`), Node or Python and their libraries included. */
  readonly peakBytes: number;
  readonly backend: string;
  readonly precision: string;
  readonly threads: number;
  /** What a unit came to, where peers must come to the same. */
  readonly result?: number;
}

/** Relative difference of two results from which on they are not of the same work; bfloat16 products stay below. */
const SAME_WORK = 0.01;

/** What is wrong where two measurements came to different results; undefined where nothing is. */
export function differentWork(ours: Measurement, peer: Measurement): string | undefined {
  const [a, b] = [ours.result, peer.result];
  if (a === undefined || b === undefined || Math.abs(a - b) <= SAME_WORK * Math.abs(a)) return undefined;
  return `${ours.name}: ${peer.backend} came to ${b.toPrecision(6)}, ${ours.backend} to ${a.toPrecision(6)}: they do not do the same work`;
}

/** Median wall seconds of `runs` units, see {@link medianTimes}. */
export async function medianSeconds(workload: Workload, runs: number): Promise<number> {
  return (await medianTimes(workload, runs)).seconds;
}

/**
 * Median wall and processor seconds of `runs` units after one warm-up unit. Preparation and disposal are outside the timed region.
 *
 * @param runs At least 1; published figures use 5 or more.
 * @param onResult Called with the number that the warm-up unit came to.
 */
export async function medianTimes(
  workload: Workload,
  runs: number,
  onResult?: (result: number) => void,
): Promise<{ readonly seconds: number; readonly processorSeconds: number }> {
  const prepared = workload.prepare();
  try {
    onResult?.(await prepared.run());
    const seconds: number[] = [];
    const processor: number[] = [];
    for (let i = 0; i < runs; i++) {
      const [begin, busy] = [performance.now(), process.cpuUsage()];
      await prepared.run();
      seconds.push((performance.now() - begin) / 1000);
      const { user, system } = process.cpuUsage(busy);
      processor.push((user + system) / 1e6);
    }
    return { seconds: median(seconds), processorSeconds: median(processor) };
  } finally {
    prepared.dispose();
  }
}

/** Middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Sum of a result's values, after which its tensors are disposed of: proof that it was computed. */
export function checksum(values: ArrayLike<number>, tensors: readonly tf.Tensor[]): number {
  tf.dispose([...tensors]);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}
