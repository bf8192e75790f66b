/**
 * Splittable randomness: a key is passed in and split, never a hidden state or the clock.
 * Same key, same bits, on every machine.
 */
import { ConfigError } from "../errors.ts";
import { threefryBlock } from "./threefry.ts";

/** 64 bits of key material. Make one with {@link keyFromSeed}, derive others with {@link foldIn} and {@link splitKey}. */
export interface Key {
  readonly hi: number;
  readonly lo: number;
}

/**
 * Top four bits of the counter's first word: what the block is for. Bulk draws use 0, so a derived key never repeats
 * words that were drawn from its parent.
 */
const FOLD_NUMBER = 0x10000000;
const FOLD_STRING = 0x20000000;
const SPLIT = 0x30000000;

const ROOT: Key = { hi: 0x6c696d62, lo: 0x65636b00 };

/**
 * Key of a whole run from the seed that the user gave.
 *
 * @param seed A safe integer, or any text. `1` and `"1"` are different seeds.
 * @throws {ConfigError} if a number is not a safe integer.
 */
export function keyFromSeed(seed: number | string): Key {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new ConfigError(`keyFromSeed: \`seed\` must be a safe integer or text, got ${seed}`);
  }
  return foldIn(ROOT, seed);
}

/**
 * `n` keys that are independent of each other and of `key`. The first m of them do not depend on n.
 *
 * @throws {RangeError} if `n` is not a whole number from 0 to 2^32 − 1.
 */
export function splitKey(key: Key, n: number): Key[] {
  if (!Number.isInteger(n) || n < 0 || n > 0xffffffff) {
    throw new RangeError(`splitKey: \`n\` must be a whole number of at least 0, got ${n}`);
  }
  return Array.from({ length: n }, (_, i) => threefryBlock(key.hi, key.lo, SPLIT, i));
}

/**
 * Key for one purpose or one step: `foldIn(foldIn(key, "augment"), step)`.
 *
 * @param data A safe integer (step, class, seed) or a text (purpose).
 * @throws {RangeError} if a number is not a safe integer.
 */
export function foldIn(key: Key, data: number | string): Key {
  if (typeof data === "string") return foldText(key, data);
  if (!Number.isSafeInteger(data)) {
    throw new RangeError(`foldIn: \`data\` must be a safe integer or text, got ${data}`);
  }
  // |data| < 2^53, so its upper word fits 22 bits and leaves the tag free.
  const upper = Math.floor(data / 2 ** 32) & 0x0fffffff;
  return threefryBlock(key.hi, key.lo, FOLD_NUMBER | upper, data);
}

/** Absorbs the number of UTF-8 bytes, then the bytes four at a time, each block keyed by the one before. */
function foldText(key: Key, text: string): Key {
  const bytes = new TextEncoder().encode(text);
  let state = threefryBlock(key.hi, key.lo, FOLD_STRING, bytes.length);
  for (let i = 0; i < bytes.length; i += 4) {
    const word =
      bytes[i]! | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24) | 0;
    state = threefryBlock(state.hi, state.lo, FOLD_STRING | 1, word);
  }
  return state;
}
