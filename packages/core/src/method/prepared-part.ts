/** Named arrays of a prepared part, in the memory of the process: tensors are made of them where they are used. */
export type PreparedArrays = Readonly<Record<string, PreparedArray>>;

export interface PreparedArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/**
 * One thing that a run needs before its first step and that other runs can share: a trained network, an expert. The harness
 * makes it once, keeps it under an address that follows from its identity, and gives it to every run that asks for the same.
 */
export interface PreparedPart {
  /** Its name within the run, such as `pool/3`. */
  readonly name: string;
  /**
   * Everything that decides its content, as plain JSON values: data, network, recipe, seed. The harness adds back end,
   * precision and threads.
   */
  readonly identity: Readonly<Record<string, unknown>>;
  /** Multiply-adds of making it. */
  readonly multiplyAdds: number;
  /** Bytes of what it makes. */
  readonly bytes: number;
  /**
   * Makes it. Same identity, same back end: same bits. Other work may run meanwhile.
   * @param signal Aborting it rejects the promise with its reason.
   * @param prepared The parts before this one in the list, by name: an expert's next epoch starts from its last. What is read
   *   must follow from this part's identity.
   */
  make(signal: AbortSignal, prepared: (name: string) => PreparedArrays): Promise<PreparedArrays>;
}
