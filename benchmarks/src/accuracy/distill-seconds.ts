import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { readEvents } from "@limbeck/core";

/** Wall seconds of the run whose folder a set lies in; 0 where there is none. */
export function distillSecondsBeside(set: string): number {
  const events = join(dirname(set), "events.jsonl");
  if (!existsSync(events)) return 0;
  const last = readEvents(events).findLast((event) => event.kind === "done");
  return last?.kind === "done" ? last.seconds : 0;
}
