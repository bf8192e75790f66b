import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import lockfile from "proper-lockfile";
import { writeFileBeside, storageError } from "../artifact/durable-file.ts";
import { RunError } from "../errors.ts";
import { currentProcess, isAlive, type ProcessIdentity } from "./process-identity.ts";

/** Names the process that writes a run folder. */
const OWNER_FILE = "run.lock";
/** Held only while `run.lock` is read and written, so a few seconds tell a dead holder from a slow one. */
const GATE = {
  lockfilePath: "run.lock.gate",
  staleMs: 5000,
  retries: { retries: 40, minTimeout: 50, maxTimeout: 300 },
};

/**
 * Makes this process the only writer of an existing folder, until the returned function is called.
 *
 * The owner is a file with the process's identity, because a lock that must be refreshed by a timer would look
 * abandoned during a step of many seconds. The owner file of a process that was killed is taken over at once; deciding
 * that and writing a new one happens behind a short lock, so two processes cannot both take over.
 *
 * @throws {RunError} naming the folder and the process if another, or another run of this process, writes the folder.
 */
export async function lockRunFolder(folder: string): Promise<() => void> {
  const path = join(folder, OWNER_FILE);
  const releaseGate = await enterGate(folder);
  try {
    const owner = readOwner(path);
    if (owner !== undefined && isAlive(owner)) throw heldError(folder, owner);
    writeFileBeside(path, JSON.stringify(currentProcess()));
  } finally {
    await releaseGate();
  }
  return () => rmSync(path, { force: true });
}

async function enterGate(folder: string): Promise<() => Promise<void>> {
  // A long step of another run in this process may keep the gate's timer from running; what happens behind the gate is
  // one synchronous piece, so a gate that looks abandoned does no harm and is not worth an error.
  const ignore = (): void => undefined;
  try {
    const release = await lockfile.lock(join(folder, OWNER_FILE), {
      realpath: false,
      lockfilePath: join(folder, GATE.lockfilePath),
      stale: GATE.staleMs,
      retries: GATE.retries,
      onCompromised: ignore,
    });
    return () => release().catch(ignore);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ELOCKED") {
      throw new RunError(
        `${folder}: other processes keep starting runs here; wait, or choose another folder`,
        {
          cause: error,
        },
      );
    }
    throw storageError(folder, error);
  }
}

/** The process named in the owner file; none if there is no such file or it does not name one. */
function readOwner(path: string): ProcessIdentity | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const owner = JSON.parse(readFileSync(path, "utf8")) as ProcessIdentity | null;
    return typeof owner?.pid === "number" ? owner : undefined;
  } catch {
    return undefined;
  }
}

function heldError(folder: string, { pid, host, boot, started }: ProcessIdentity): RunError {
  const here = currentProcess();
  if (host !== here.host) {
    return new RunError(
      `${folder}: process ${pid} on host ${host} is writing this run folder; ` +
        `choose another folder, or delete ${join(folder, OWNER_FILE)} if that process is gone`,
    );
  }
  const itself = pid === here.pid && boot === here.boot && started === here.started;
  return new RunError(
    `${folder}: ${itself ? `another run of this process (${pid})` : `process ${pid}`} is writing this run folder; ` +
      `wait for it to end or choose another folder`,
  );
}
