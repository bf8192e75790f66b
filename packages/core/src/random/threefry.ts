/**
 * Threefry-2x32 with 20 rounds: a counter-based generator, one block of 64 bits for a 64-bit key and a 64-bit counter.
 * Only 32-bit integer arithmetic, so the bits are the same on every machine.
 *
 * @see Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), section 3.3.
 */
import type { Key } from "./key.ts";

/** Constant of the Skein key schedule that Threefry keeps, lower half. */
const PARITY = 0x1bd11bda;

/** Encrypts the counter (`c0`, `c1`) with the key (`k0`, `k1`); all unsigned or signed 32-bit words. */
export function threefryBlock(k0: number, k1: number, c0: number, c1: number): Key {
  const words = new Uint32Array(2);
  fillBlocks(words, k0, k1, c0, c1);
  return { hi: words[0]!, lo: words[1]! };
}

/**
 * Fills `out` with the words of the blocks at counters (`c0`, `c1`), (`c0`, `c1` + 1), …, two words a block.
 * The rounds are written out: this loop is the cost of every bulk draw.
 */
export function fillBlocks(out: Uint32Array, k0: number, k1: number, c0: number, c1: number): void {
  const a0 = k0 | 0;
  const a1 = k1 | 0;
  const a2 = PARITY ^ a0 ^ a1;
  const length = out.length;
  let counter = c1 | 0;
  for (let i = 0; i < length; i += 2) {
    let x = (c0 + a0) | 0;
    let y = (counter + a1) | 0;
    counter = (counter + 1) | 0;
    x = (x + y) | 0;
    y = ((y << 13) | (y >>> 19)) ^ x;
    x = (x + y) | 0;
    y = ((y << 15) | (y >>> 17)) ^ x;
    x = (x + y) | 0;
    y = ((y << 26) | (y >>> 6)) ^ x;
    x = (x + y) | 0;
    y = ((y << 6) | (y >>> 26)) ^ x;
    x = (x + a1) | 0;
    y = (y + a2 + 1) | 0;
    x = (x + y) | 0;
    y = ((y << 17) | (y >>> 15)) ^ x;
    x = (x + y) | 0;
    y = ((y << 29) | (y >>> 3)) ^ x;
    x = (x + y) | 0;
    y = ((y << 16) | (y >>> 16)) ^ x;
    x = (x + y) | 0;
    y = ((y << 24) | (y >>> 8)) ^ x;
    x = (x + a2) | 0;
    y = (y + a0 + 2) | 0;
    x = (x + y) | 0;
    y = ((y << 13) | (y >>> 19)) ^ x;
    x = (x + y) | 0;
    y = ((y << 15) | (y >>> 17)) ^ x;
    x = (x + y) | 0;
    y = ((y << 26) | (y >>> 6)) ^ x;
    x = (x + y) | 0;
    y = ((y << 6) | (y >>> 26)) ^ x;
    x = (x + a0) | 0;
    y = (y + a1 + 3) | 0;
    x = (x + y) | 0;
    y = ((y << 17) | (y >>> 15)) ^ x;
    x = (x + y) | 0;
    y = ((y << 29) | (y >>> 3)) ^ x;
    x = (x + y) | 0;
    y = ((y << 16) | (y >>> 16)) ^ x;
    x = (x + y) | 0;
    y = ((y << 24) | (y >>> 8)) ^ x;
    x = (x + a1) | 0;
    y = (y + a2 + 4) | 0;
    x = (x + y) | 0;
    y = ((y << 13) | (y >>> 19)) ^ x;
    x = (x + y) | 0;
    y = ((y << 15) | (y >>> 17)) ^ x;
    x = (x + y) | 0;
    y = ((y << 26) | (y >>> 6)) ^ x;
    x = (x + y) | 0;
    y = ((y << 6) | (y >>> 26)) ^ x;
    x = (x + a2) | 0;
    y = (y + a0 + 5) | 0;
    out[i] = x;
    if (i + 1 < length) out[i + 1] = y;
  }
}
