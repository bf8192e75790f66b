/** Something that may work here or not, such as a back end in a browser. */
export interface Candidate {
  /** For people. */
  readonly title: string;
  /** Why it is not worth trying; undefined where it is. */
  unfit(): Promise<string | undefined>;
  /** Starts it. @returns Why it did not; undefined where it did. */
  start(): Promise<string | undefined>;
}

/** @see firstThatWorks */
export interface Worked<C extends Candidate, T> {
  readonly candidate: C;
  readonly result: T;
}

/**
 * Does some work on the first candidate that starts and on which the work ends; where it fails halfway it is begun anew on the
 * next.
 *
 * @param even Candidates that are unfit are tried all the same.
 * @throws {Error} for people, where none is left: why each was passed over.
 */
export async function firstThatWorks<C extends Candidate, T>(
  candidates: readonly C[],
  work: (candidate: C, passedOver: readonly string[]) => Promise<T>,
  { even = false }: { readonly even?: boolean } = {},
): Promise<Worked<C, T>> {
  const passedOver: string[] = [];
  for (const candidate of candidates) {
    const reason = (even ? undefined : await candidate.unfit()) ?? (await candidate.start());
    if (reason !== undefined) {
      passedOver.push(`${candidate.title}: ${reason}`);
      continue;
    }
    try {
      return { candidate, result: await work(candidate, passedOver) };
    } catch (error) {
      passedOver.push(`${candidate.title}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(passedOver.join("; "));
}
