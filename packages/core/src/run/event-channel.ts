/**
 * Hands events from a worker to at most one reader, in step: after each event the worker waits until the reader comes
 * back for the next, unless it was set free. Whoever only wants the outcome sets it free and reads nothing.
 */
export interface EventChannel<Event> {
  /** True once the reader has left: the worker should stop. */
  readonly left: boolean;
  /** Worker: delivers an event; resolves when the worker should go on. */
  send(event: Event): Promise<void>;
  /** Worker: no more events; the reader's loop ends, with `error` where there is one. */
  close(error?: Error): void;
  /** Lets the worker run without waiting; events that a reader has not taken are kept for it. */
  setFree(): void;
  /** The reader's side: a loop that is left early sets `left` and waits for the worker to close. */
  read(start: () => void): AsyncIterableIterator<Event>;
}

/** Makes a channel; one worker, one reader. */
export function createEventChannel<Event>(): EventChannel<Event> {
  const queue: Event[] = [];
  let reading = false;
  let left = false;
  let free = false;
  let closed: { readonly error: Error | undefined } | undefined;
  const changes: (() => void)[] = [];
  const changed = (): void => changes.splice(0).forEach((wake) => wake());
  const change = (): Promise<void> => new Promise((resolve) => changes.push(resolve));

  async function* events(start: () => void): AsyncGenerator<Event, undefined> {
    start();
    try {
      for (;;) {
        const event = queue.shift();
        if (event !== undefined) {
          yield event;
        } else if (closed !== undefined) {
          if (closed.error !== undefined) throw closed.error;
          return;
        } else {
          // Asking for an event that is not there yet is what lets a waiting worker go on.
          reading = true;
          changed();
          await change();
        }
      }
    } finally {
      left = true;
      changed();
      while (closed === undefined) await change();
    }
  }

  let attached = false;
  return {
    get left() {
      return left;
    },
    async send(event) {
      if (left) return;
      if (attached) queue.push(event);
      reading = false;
      changed();
      while (!free && !left && !reading) await change();
    },
    close(error) {
      closed = { error };
      changed();
    },
    setFree() {
      free = true;
      changed();
    },
    read(start) {
      attached = true;
      return events(start);
    },
  };
}
