import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RunError } from "../errors.ts";
import { currentProcess, isAlive } from "./process-identity.ts";
import { lockRunFolder } from "./run-lock.ts";

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "limbeck-lock-"));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

describe("lockRunFolder", () => {
  it("lets one run in at a time, and leaves nothing behind", async () => {
    const release = await lockRunFolder(folder);
    await expect(lockRunFolder(folder)).rejects.toThrow(
      new RunError(
        `${folder}: another run of this process (${process.pid}) is writing this run folder; ` +
          `wait for it to end or choose another folder`,
      ),
    );
    release();
    (await lockRunFolder(folder))();
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("names a live process, and takes over at once when that was killed", async () => {
    const child = startHolder(folder);
    await once(child.stdout!, "data");
    await expect(lockRunFolder(folder)).rejects.toThrow(
      `${folder}: process ${child.pid} is writing this run folder; wait for it to end or choose another folder`,
    );
    child.kill("SIGKILL");
    await once(child, "exit");
    const before = performance.now();
    (await lockRunFolder(folder))();
    expect(performance.now() - before).toBeLessThan(4000);
  });

  it("lets only one of many take over from a dead process", async () => {
    writeOwner({ ...currentProcess(), started: "1" });
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => lockRunFolder(folder)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("takes over where the owner's number belongs to another process, the machine was restarted, or the file is torn", async () => {
    const here = currentProcess();
    const gone = [
      { ...here, started: "1" },
      { ...here, boot: "before" },
      { ...here, pid: 2 ** 30 },
      undefined,
    ];
    for (const owner of gone) {
      writeOwner(owner);
      (await lockRunFolder(folder))();
    }
  });

  it("takes over from a process that was killed while it looked at the lock", async () => {
    const gate = join(folder, "run.lock.gate");
    fs.mkdirSync(gate);
    fs.utimesSync(gate, 0, 0);
    (await lockRunFolder(folder))();
  });

  it("cannot ask another host, so it asks the user", async () => {
    writeOwner({ ...currentProcess(), host: "elsewhere", pid: 7 });
    await expect(lockRunFolder(folder)).rejects.toThrow(
      new RunError(
        `${folder}: process 7 on host elsewhere is writing this run folder; ` +
          `choose another folder, or delete ${join(folder, "run.lock")} if that process is gone`,
      ),
    );
  });

  function writeOwner(owner: object | undefined): void {
    fs.writeFileSync(join(folder, "run.lock"), owner === undefined ? '{"pid":' : JSON.stringify(owner));
  }
});

describe("isAlive", () => {
  it("knows this process, its parent and one that ended", async () => {
    expect(isAlive(currentProcess())).toBe(true);
    expect(currentProcess().host).toBe(hostname());
    const child = spawn(process.execPath, ["-e", "0"]);
    await once(child, "exit");
    expect(isAlive({ ...currentProcess(), pid: child.pid!, started: "" })).toBe(false);
  });
});

/** A process that locks the folder, says so and stays. */
function startHolder(held: string): ChildProcess {
  const module = new URL("./run-lock.ts", import.meta.url).href;
  const script = `import { lockRunFolder } from ${JSON.stringify(module)};
    await lockRunFolder(${JSON.stringify(held)}); console.log("locked"); setInterval(() => {}, 1000);`;
  const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
}
