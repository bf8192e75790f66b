import { readFileSync } from "node:fs";
import { commitHash, ConfigError } from "@limbeck/core";
import type { Redis } from "ioredis";
import { z } from "zod";
import { CELL_FORMAT, cellSchema } from "../sweep/cell.ts";

/** Name of the queue in Redis; one for all sweeps of a server: a cell that two sweeps want is one job. */
export const QUEUE = "limbeck-cells";
const VERSION_KEY = "limbeck:version";

/** What a job says. Its id is the cell's. */
export const cellJobSchema = z.strictObject({
  /** Of whoever planned it, see {@link queueVersion}. */
  version: z.string(),
  title: z.string(),
  cell: cellSchema,
});

/** @see cellJobSchema */
export type CellJob = z.output<typeof cellJobSchema>;

/** What a worker tells of a cell at work. */
export const jobProgressSchema = z.object({
  worker: z.string(),
  done: z.number(),
  total: z.number(),
  loss: z.number().nullable(),
});

/** Version of this program, that of its cells, and its commit where it is known: equal versions, equal results. */
export function queueVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  return `${version}, cells ${CELL_FORMAT}, commit ${commitHash()}`;
}

/**
 * Binds a server to a version, the first that comes, as long as there is work.
 *
 * @throws {ConfigError} if the server's work is of another version.
 */
export async function claimVersion(redis: Redis, version: string): Promise<void> {
  await redis.set(VERSION_KEY, version, "NX");
  await checkServerVersion(redis, version);
}

/** @throws {ConfigError} if the server's work is of another version. */
export async function checkServerVersion(redis: Redis, version: string): Promise<void> {
  checkVersion(version, (await redis.get(VERSION_KEY)) ?? version);
}

/** Lets the next version in. Only when no work is left. */
export async function releaseVersion(redis: Redis): Promise<void> {
  await redis.del(VERSION_KEY);
}

/** @throws {ConfigError} if this program's version is not that of the work. */
export function checkVersion(own: string, wanted: string): void {
  if (own === wanted) return;
  throw new ConfigError(
    `queue: its work is of version ${wanted}, this program is ${own}; results would not be comparable: use the same version, or delete the key ${VERSION_KEY} of the server if that work is given up`,
  );
}
