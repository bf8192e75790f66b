/** First advice of errors about memory that is not there. */
export const SPLIT_BATCHES = "split batches with --samples-at-once (LIMBECK_SAMPLES_AT_ONCE)";

let most = Infinity;

/**
 * Most images of a batch that pass through a network together, where the batch can be split without changing what is computed beyond
 * rounding; Infinity where nobody said.
 */
export function samplesAtOnce(): number {
  return most;
}

/** Called by `useBackend`. @param samples Undefined: no bound. */
export function boundSamplesAtOnce(samples: number | undefined): void {
  most = samples ?? Infinity;
}

/** What `f` gives under another bound. */
export function underSamplesAtOnce<T>(samples: number, f: () => T): T {
  const before = most;
  most = samples;
  try {
    return f();
  } finally {
    most = before;
  }
}
