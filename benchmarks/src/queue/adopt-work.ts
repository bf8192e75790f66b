import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

/** Of a run folder: names its owner, and what it was writing. Neither is wanted by the next. */
const OWNERS = /^run\.lock|\.part$/;

/** Whoever has one of these has begun: a distillation, an evaluation. */
const STARTED = ["config.json", "seeds.jsonl"];

/**
 * Copies what another worker left of a cell into this worker's folder, so that its run goes on from the last checkpoint. The
 * other's folder stays: it may only be frozen.
 *
 * @param root Folder of all workers' work. @param own This worker's folder below it.
 * @returns Whether there was something.
 */
export function adoptWork(root: string, own: string, id: string): boolean {
  const target = join(own, id);
  if (existsSync(target) || !existsSync(root)) return false;
  const other = readdirSync(root)
    .map((name) => join(root, name))
    .find((folder) => folder !== own && STARTED.some((name) => existsSync(join(folder, id, name))));
  if (other === undefined) return false;
  const beside = `${target}.part`;
  try {
    mkdirSync(own, { recursive: true });
    rmSync(beside, { recursive: true, force: true });
    cpSync(join(other, id), beside, {
      recursive: true,
      filter: (path) => !OWNERS.test(basename(path)) || path === beside,
    });
    renameSync(beside, target);
    return true;
  } catch {
    // Its owner finished it in this moment, or it cannot be read: the cell starts anew.
    rmSync(beside, { recursive: true, force: true });
    return false;
  }
}

/** Removes what any worker left of a finished cell. That it is finished matters more than that this succeeds. */
export function removeWork(root: string, id: string): void {
  if (!existsSync(root)) return;
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    try {
      rmSync(join(root, entry.name, id), { recursive: true, force: true });
    } catch {
      continue;
    }
  }
}
