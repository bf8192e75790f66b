import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BackendError, folderPartStore, useBackend } from "@limbeck/core";
import { backendCases } from "./backend-cases.ts";
import type { BackendLine, BackendTask } from "./backend-process.ts";

/** Runs the cases of the task in `argv[2]`; see `runBackend`. */
const { backend, quick, threads, folder, prepared } = JSON.parse(process.argv[2]!) as BackendTask;
mkdirSync(folder, { recursive: true });
if (await start()) {
  const store = folderPartStore(prepared);
  for (const [i, { name, kind, run }] of backendCases(quick).entries()) {
    const begin = process.cpuUsage();
    try {
      const { values, before = [] } = await run(store);
      const { user, system } = process.cpuUsage(begin);
      const arrays = [...values, ...before];
      const file = join(folder, `${i}.f32`);
      writeFileSync(
        file,
        Buffer.concat(
          arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
        ),
      );
      const lengths = arrays.map(({ length }) => length);
      say({
        kind: "case",
        name,
        of: kind,
        seconds: (user + system) / 1e6,
        lengths,
        before: before.length,
        file,
      });
    } catch (error) {
      say({ kind: "failed", name, of: kind, reason: (error as Error).message.split("\n")[0]! });
    }
  }
}

async function start(): Promise<boolean> {
  try {
    const engine = { precision: "highest", ...(threads === undefined ? {} : { threads }) } as const;
    const { version, device, arithmetic } = await useBackend(backend, engine);
    say({ kind: "ready", version, device, arithmetic });
    return true;
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    say({ kind: "unavailable", reason: error.message.replace(/^.*? cannot be had here: /, "") });
    return false;
  }
}

function say(line: BackendLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
