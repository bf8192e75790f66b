/** Bulk draws from a key. A key is used for one draw; for another, derive another key. Same key, same bits everywhere. */
import { ConfigError } from "../errors.ts";
import type { Key } from "./key.ts";
import { standardNormalQuantile } from "./normal-quantile.ts";
import { fillBlocks } from "./threefry.ts";

/**
 * `n` numbers from the uniform distribution on [`low`, `high`), `[n]` float32, on a grid of 2^24 steps.
 *
 * @throws {RangeError} if `n` is negative or not whole, or `low` is not below `high`.
 */
export function uniform(key: Key, n: number, low = 0, high = 1): Float32Array {
  if (!(low < high)) throw new RangeError(`uniform: \`low\` must be below \`high\`, got ${low} and ${high}`);
  const words = randomWords(key, n, "uniform");
  const out = new Float32Array(n);
  const step = (high - low) * 2 ** -24;
  for (let i = 0; i < n; i++) out[i] = low + (words[i]! >>> 8) * step;
  // Rounding to float32 may reach `high` where the interval is not a power of two.
  if (low !== 0 || high !== 1) {
    for (let i = 0; i < n; i++) if (out[i]! >= high) out[i] = low;
  }
  return out;
}

/**
 * `n` numbers from the standard normal distribution, `[n]` float32, by inversion: each from one 32-bit word, so |x| < 6.4.
 *
 * @throws {RangeError} if `n` is negative or not whole.
 */
export function normal(key: Key, n: number): Float32Array {
  const words = randomWords(key, n, "normal");
  const out = new Float32Array(n);
  for (let i = 0; i < n; i++) out[i] = standardNormalQuantile((words[i]! + 0.5) * 2 ** -32);
  return out;
}

/**
 * `n` integers, each of `low` … `high` − 1 with exactly the same probability (words that would bias it are drawn again).
 *
 * @throws {RangeError} if a bound is not a 32-bit integer or `low` is not below `high`.
 */
export function integers(key: Key, n: number, low: number, high: number): Int32Array {
  if (!(low < high) || (low | 0) !== low || ((high - 1) | 0) !== high - 1) {
    throw new RangeError(
      `integers: \`low\` and \`high\` must be 32-bit integers with low < high, got ${low} and ${high}`,
    );
  }
  const stream = new BoundedStream(key, checkedCount(n, "integers"));
  const out = new Int32Array(n);
  for (let i = 0; i < n; i++) out[i] = low + stream.below(high - low);
  return out;
}

/**
 * A uniformly random order of 0 … `n` − 1.
 *
 * @throws {RangeError} if `n` is negative or not whole.
 */
export function permutation(key: Key, n: number): Int32Array {
  const out = Int32Array.from({ length: checkedCount(n, "permutation") }, (_, i) => i);
  shuffleFront(key, out, n);
  return out;
}

/**
 * `count` distinct positions of `from`, as their values in random order: a draw without replacement.
 *
 * @throws {ConfigError} if `count` is larger than `from.length`.
 */
export function choice(key: Key, from: ArrayLike<number>, count: number): Int32Array {
  if (checkedCount(count, "choice") > from.length) {
    throw new ConfigError(
      `choice: cannot draw ${count} without replacement from ${from.length}; ask for at most ${from.length}`,
    );
  }
  const pool = Int32Array.from(from);
  shuffleFront(key, pool, count);
  return pool.slice(0, count);
}

/** Fisher and Yates from the front: after it the first `count` places are a random draw without replacement. */
function shuffleFront(key: Key, values: Int32Array, count: number): void {
  const n = values.length;
  const stream = new BoundedStream(key, count);
  for (let i = 0; i < count; i++) {
    const j = i + stream.below(n - i);
    const kept = values[i]!;
    values[i] = values[j]!;
    values[j] = kept;
  }
}

/** Uniform integers below changing bounds, from consecutive words of a key. */
class BoundedStream {
  readonly #key: Key;
  #words: Uint32Array;
  #next = 0;
  #counter: number;

  constructor(key: Key, expected: number) {
    this.#key = key;
    this.#words = randomWords(key, expected + (expected & 1), "draw");
    this.#counter = this.#words.length / 2;
  }

  /** @param bound 1 … 2^32. */
  below(bound: number): number {
    // The largest multiple of `bound` that 32 bits hold: words above it would favour small remainders.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      if (this.#next === this.#words.length) this.#refill();
      const word = this.#words[this.#next++]!;
      if (word < limit) return word % bound;
    }
  }

  #refill(): void {
    this.#words = new Uint32Array(64);
    fillBlocks(this.#words, this.#key.hi, this.#key.lo, 0, this.#counter);
    this.#counter += this.#words.length / 2;
    this.#next = 0;
  }
}

function randomWords(key: Key, n: number, where: string): Uint32Array {
  const words = new Uint32Array(checkedCount(n, where));
  fillBlocks(words, key.hi, key.lo, 0, 0);
  return words;
}

function checkedCount(n: number, where: string): number {
  if (!Number.isInteger(n) || n < 0) {
    throw new RangeError(`${where}: the number of draws must be a whole number of at least 0, got ${n}`);
  }
  return n;
}
