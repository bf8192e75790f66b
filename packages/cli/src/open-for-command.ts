import { existsSync } from "node:fs";
import { openDataset } from "@limbeck/datasets";
import type { ImageDataset } from "@limbeck/core";
import type { Output } from "./output.ts";
import { formatBytes } from "./units.ts";

/** Images between two lines about decoding. */
const DECODED_LINE = 10_000;
/** Bytes between two lines about a download. */
const DOWNLOADED_LINE = 50e6;

/**
 * Opens a data set by name or path and tells what takes time: downloads and the first decoding.
 *
 * @param download False: files that are not here are an error.
 */
export async function openForCommand(
  nameOrPath: string,
  output: Output,
  { download = true }: { readonly download?: boolean } = {},
): Promise<ImageDataset> {
  let told = 0;
  const every = (amount: number, line: number, text: string): void => {
    if (amount < told) told = 0;
    if (amount - told < line) return;
    told = amount;
    output.note(text);
  };
  return openDataset(nameOrPath, {
    // Only data sets known by name are ever downloaded.
    ...(download ? {} : noDownload(nameOrPath)),
    onEvent(event) {
      if (event.kind === "decode") {
        every(event.images, DECODED_LINE, `${event.dataset}: ${event.images} images decoded`);
      } else if (event.kind === "download") {
        const total = event.total === undefined ? "" : ` of ${formatBytes(event.total)}`;
        every(event.bytes, DOWNLOADED_LINE, `${event.file}: ${formatBytes(event.bytes)}${total}`);
      } else output.note(`${event.dataset}: decoding again: ${event.reason}`);
    },
  });
}

function noDownload(name: string): { readonly download?: false } {
  return existsSync(name) ? {} : { download: false };
}
