import { execFileSync } from "node:child_process";

/**
 * The commit that the work in `folder` stands on: 40 hexadecimal digits, followed by `-dirty` where tracked files
 * differ from it; `unknown` outside a git repository or without git. Never throws.
 *
 * Data appended by runs themselves (`*.jsonl`) does not count as a difference.
 */
export function commitHash(folder: string = process.cwd()): string {
  try {
    const commit = git(folder, "rev-parse", "--verify", "HEAD");
    const changes = git(
      folder,
      "status",
      "--porcelain",
      "--untracked-files=no",
      "--",
      ":/",
      ":(exclude,top,glob)**/*.jsonl",
    );
    return changes === "" ? commit : `${commit}-dirty`;
  } catch {
    return "unknown";
  }
}

function git(folder: string, ...args: string[]): string {
  return execFileSync("git", ["-C", folder, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 10_000,
  }).trim();
}
