import { createHash } from "node:crypto";

/**
 * Folder of a run when none was given: `runs/<data set>-<method>-ipc<n>-<8 digits>`, the digits over everything that decides
 * the result. The same command finds its own run again, another configuration gets another folder.
 */
export function runFolderName(
  run: { readonly dataset: string; readonly method: string; readonly ipc: number } & Readonly<
    Record<string, unknown>
  >,
): string {
  const digits = createHash("sha256").update(JSON.stringify(run)).digest("hex").slice(0, 8);
  return `runs/${run.dataset.replace(/[^a-zA-Z0-9-]+/g, "-")}-${run.method}-ipc${run.ipc}-${digits}`;
}
