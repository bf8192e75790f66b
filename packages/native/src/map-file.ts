import { addon } from "./addon.ts";

/** A file seen as an array of bytes, read by the system page by page as it is touched. */
export interface MappedFile {
  /** The whole file. Writing to it changes neither the file nor other maps. Empty after `close`. */
  readonly bytes: Uint8Array;
  /** Unmaps at once; views of `bytes` are empty from then on. Repeated calls do nothing. */
  close(): void;
}

/**
 * Maps a file into memory, so that one larger than memory can be read by position. (Node has no memory maps of its own.)
 * The file must not be shortened by others while it is mapped.
 *
 * @throws {Error} if the file is missing, empty, not a regular file or not readable; the message names it.
 */
export function mapFile(path: string): MappedFile {
  const native = addon();
  const buffer = native.mapFile(path);
  let open = true;
  return {
    bytes: new Uint8Array(buffer),
    close() {
      if (open) native.release(buffer);
      open = false;
    },
  };
}
