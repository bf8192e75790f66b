import type { Normalisation } from "@limbeck/core";

/** An array as a file has it, row-major. */
export interface ForeignArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array | Float32Array | Float64Array | Int32Array | BigInt64Array;
}

/** What a file of another suite tells about a condensed set, before it is fitted to a data set. */
export interface ForeignSet {
  /** File named in messages. */
  readonly where: string;
  /** Bytes are pixels 0…255; floats are in a space that must be stated. */
  readonly images: ForeignArray;
  /** Whole numbers `[N]` or `[N, 1]`, or soft labels `[N, K]`. */
  readonly labels: ForeignArray;
  /** Names of the labels, where the file tells them. */
  readonly classes?: readonly string[];
  readonly normalisation?: Normalisation;
  /** The student's learned step size. */
  readonly stepSize?: number;
}
