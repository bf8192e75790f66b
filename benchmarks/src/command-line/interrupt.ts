/** What the first and second Ctrl-C do. */
export interface Interrupt {
  /** Aborted by the first Ctrl-C or SIGTERM: finish the step, write a checkpoint, say how to go on. */
  readonly signal: AbortSignal;
  /** Gives the signals back to Node. */
  release(): void;
}

/**
 * Takes over SIGINT and SIGTERM: the first aborts `signal`, the second ends the process at once with code 130.
 *
 * @param announce Called on the first signal, before anything has stopped.
 */
export function takeInterrupts(announce: () => void): Interrupt {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    announce();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    release() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
