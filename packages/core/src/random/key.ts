/**
 * Splittable randomness: a key is passed in and split, never a hidden state or the clock.
 * Same key, same bits, on every machine.
 */

/** 64 bits of key material. Make one with {@link keyFromSeed}, derive others with {@link foldIn} and {@link splitKey}. */
export interface Key {
  readonly hi: number;
  readonly lo: number;
}
