import { DataError } from "@limbeck/core";

/**
 * Check the name of an archive entry and give its parts.
 *
 * @throws {DataError} if it is absolute, has a drive letter, leaves its folder by `..`, or holds a backslash or NUL.
 */
export function archivePathParts(archive: string, name: string): readonly string[] {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  const hostile =
    name.startsWith("/") ||
    /^[a-zA-Z]:/.test(name) ||
    name.includes("\\") ||
    name.includes("\0") ||
    parts.includes("..");
  if (hostile) {
    throw new DataError(
      `${archive}: wanted entries inside the archive's folder, got ${JSON.stringify(name)}; ` +
        `the archive is not to be trusted`,
    );
  }
  return parts;
}
