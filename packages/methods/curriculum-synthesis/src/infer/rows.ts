import { ConfigError } from "@limbeck/core";
import type { InferConfig } from "./config.ts";

/**
 * Real images of a class that a budget leaves room for. `images`: ipc/(M + 1), each real image with its M compensated ones;
 * `tensors`: ⌊ipc / (1 + M/C)⌋, a row of C real images with its M compensators.
 *
 * @throws {ConfigError} if the budget does not go up, or holds no row.
 * @see zhangxin-xd/UFC, ufc_generation/ufc_cifar.py.
 */
export function baseRows(
  { ipc, budget, teachers }: Pick<InferConfig, "ipc" | "budget" | "teachers">,
  classes: number,
): number {
  const m = teachers.length;
  if (budget === "images") {
    if (ipc % (m + 1) === 0) return ipc / (m + 1);
    throw new ConfigError(
      `infer config: ipc must be a multiple of ${m + 1}, one real image and one for each of ${m} teachers, got ${ipc}; change ipc or count tensors (budget "tensors")`,
    );
  }
  const rows = Math.floor(ipc / (1 + m / classes));
  if (rows >= 1) return rows;
  throw new ConfigError(
    `infer config: ipc must leave room for a row of real images beside ${m} compensators shared by ${classes} classes, got ${ipc}; raise ipc or take fewer teachers`,
  );
}
