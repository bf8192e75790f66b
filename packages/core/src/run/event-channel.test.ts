import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createEventChannel, type EventChannel } from "./event-channel.ts";

/** Sends 1, 2, … until 5 or until the reader has left. */
async function count(channel: EventChannel<number>, sent: number[], fail?: Error): Promise<void> {
  for (let i = 1; i <= 5 && !channel.left; i++) {
    sent.push(i);
    await channel.send(i);
  }
  channel.close(fail);
}

describe("createEventChannel", () => {
  it("keeps the worker in step with the reader", async () => {
    const channel = createEventChannel<number>();
    const sent: number[] = [];
    for await (const event of channel.read(() => void count(channel, sent))) {
      await sleep(1);
      expect(sent.at(-1)).toBe(event);
    }
    expect(sent).toEqual([1, 2, 3, 4, 5]);
  });

  it("lets a free worker run, and keeps what the reader has not taken", async () => {
    const channel = createEventChannel<number>();
    const sent: number[] = [];
    channel.setFree();
    const reader = channel.read(() => void count(channel, sent));
    expect(await reader.next()).toEqual({ done: false, value: 1 });
    await sleep(1);
    expect(sent).toEqual([1, 2, 3, 4, 5]);
    const rest: number[] = [];
    for await (const event of reader) rest.push(event);
    expect(rest).toEqual([2, 3, 4, 5]);
  });

  it("lets a free worker run without a reader", async () => {
    const channel = createEventChannel<number>();
    const sent: number[] = [];
    channel.setFree();
    await count(channel, sent);
    expect(sent).toEqual([1, 2, 3, 4, 5]);
  });

  it("frees a worker that waits for a reader who does not come back", async () => {
    const channel = createEventChannel<number>();
    const sent: number[] = [];
    const reader = channel.read(() => void count(channel, sent));
    await reader.next();
    await sleep(1);
    expect(sent).toEqual([1]);
    channel.setFree();
    await sleep(1);
    expect(sent).toEqual([1, 2, 3, 4, 5]);
  });

  it("tells the worker that the reader left, and waits for it to close", async () => {
    const channel = createEventChannel<number>();
    const sent: number[] = [];
    let closed = false;
    const work = async () => {
      await count(
        {
          ...channel,
          close: () => undefined,
          get left() {
            return channel.left;
          },
        },
        sent,
      );
      await sleep(5);
      closed = true;
      channel.close();
    };
    for await (const event of channel.read(() => void work())) if (event === 2) break;
    expect(closed).toBe(true);
    expect(sent).toEqual([1, 2]);
  });

  it("hands the worker's error to the reader after the events", async () => {
    const channel = createEventChannel<number>();
    const seen: number[] = [];
    const read = async () => {
      for await (const event of channel.read(() => void count(channel, [], new Error("stop"))))
        seen.push(event);
    };
    await expect(read()).rejects.toThrow("stop");
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });
});
