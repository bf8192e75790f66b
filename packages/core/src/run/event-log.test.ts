import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataError, RunError } from "../errors.ts";
import { openEventLog, readEvents } from "./event-log.ts";
import type { RunEvent } from "./events.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "limbeck-events-"));
  path = join(folder, "events.jsonl");
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const forecast = { multiplyAddsPerStep: 1, peakBytes: 1, setBytes: 1 };
const start = (step: number): RunEvent => ({ kind: "start", step, steps: 9, forecast });
const stepEvent = (step: number, loss: number): RunEvent => ({
  kind: "step",
  step,
  steps: 9,
  loss,
  terms: {},
  seconds: 0,
  bytes: 0,
});

function append(...events: RunEvent[]): void {
  const log = openEventLog(path);
  events.forEach((event) => log.append(event));
  log.close();
}

describe("the event log", () => {
  it("gives back what was appended, with the time", () => {
    append(start(0), stepEvent(1, 0.5));
    const events = readEvents(path);
    expect(events.map(({ time: _, ...event }) => event)).toEqual([start(0), stepEvent(1, 0.5)]);
    for (const { time } of events) expect(new Date(time).toISOString()).toBe(time);
  });

  it("cuts a torn last line before it goes on, and a reader ignores one", () => {
    append(start(0), stepEvent(1, 0.5));
    const whole = fs.readFileSync(path);
    fs.appendFileSync(path, '{"kind":"step","st');
    expect(readEvents(path)).toHaveLength(2);
    append();
    expect(fs.readFileSync(path)).toEqual(whole);
    fs.truncateSync(path, 5);
    expect(readEvents(path)).toEqual([]);
    append(start(0));
    expect(readEvents(path)).toHaveLength(1);
  });

  it("leaves out the steps that a resumed run did again", () => {
    append(start(0), stepEvent(1, 1), stepEvent(2, 2), stepEvent(3, 3));
    append(start(1), stepEvent(2, 20));
    const losses = readEvents(path).flatMap((event) =>
      event.kind === "step" ? [[event.step, event.loss]] : [],
    );
    expect(losses).toEqual([
      [1, 1],
      [2, 20],
    ]);
  });

  it("names a line that is damaged", () => {
    append(start(0), stepEvent(1, 1));
    const lines = fs.readFileSync(path, "utf8").split("\n");
    fs.writeFileSync(path, [lines[0], "{,", ""].join("\n"));
    expect(() => readEvents(path)).toThrow(
      new DataError(`${path}: line 2 is not JSON; the file was damaged or changed`),
    );
    fs.writeFileSync(path, [lines[0], "[]", ""].join("\n"));
    expect(() => readEvents(path)).toThrow(
      new DataError(`${path}: line 2 is not an event of a run; the file was damaged or changed`),
    );
  });

  it.runIf(fs.existsSync("/dev/full"))("says that the disk is full", () => {
    fs.symlinkSync("/dev/full", path);
    const log = openEventLog(path);
    expect(() => log.append(start(0))).toThrow(
      new RunError(`${path}: could not be written (ENOSPC): the disk is full; free some space and resume`),
    );
    log.close();
  });
});
