import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** Which process, beyond its number, which systems use again. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Linux: changes with every start of the machine. Empty elsewhere. */
  readonly boot: string;
  /** Linux: clock ticks from the start of the machine to the start of the process. Empty elsewhere. */
  readonly started: string;
}

/** This process. */
export function currentProcess(): ProcessIdentity {
  return {
    pid: process.pid,
    host: hostname(),
    boot: bootId(),
    started: processStat(process.pid)?.started ?? "",
  };
}

/**
 * Whether a process may still be at work. A process of another host cannot be asked and counts as alive; so does one
 * whose number is in use where the system does not tell when it started.
 */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.host !== hostname()) return true;
  if (identity.boot !== bootId()) return false;
  if (!pidInUse(identity.pid)) return false;
  const stat = processStat(identity.pid);
  if (stat === undefined) return true;
  // A killed process stays in the table as a zombie until its parent has looked.
  return stat.started === identity.started && stat.state !== "Z" && stat.state !== "X";
}

/** Whether any process of this machine has that number. */
export function pidInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function bootId(): string {
  return readText("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
}

/** Fields 3 and 22 of /proc/PID/stat, counted after the program's name, which may hold spaces and parentheses. */
function processStat(pid: number): { readonly state: string; readonly started: string } | undefined {
  const fields = readText(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, "")
    .split(" ");
  return fields?.[19] === undefined ? undefined : { state: fields[0]!, started: fields[19] };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
