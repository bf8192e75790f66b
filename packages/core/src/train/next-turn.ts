/** A message channel as browsers have it. */
interface BrowserChannel {
  readonly port1: { onmessage: (() => void) | null; close(): void };
  readonly port2: { postMessage(message: unknown): void };
}

/**
 * Lets other work run: signals, timers, messages. In Node one turn of the event loop; in a browser, where `setImmediate` is missing
 * and timers wait for milliseconds, a message to oneself.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel() as unknown as BrowserChannel;
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
