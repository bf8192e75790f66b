/** One line for the cause of a wrapped error; system errors are shortened to what a user needs. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "no such file or folder";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "EISDIR") return "it is a folder";
  if (code === "ENOTDIR") return "a part of the path is a file, not a folder";
  if (code === "ENOSPC") return "no space left on the disk";
  if (code === "EROFS") return "the file system is read-only";
  return error.message.split("\n", 1)[0] ?? error.message;
}
