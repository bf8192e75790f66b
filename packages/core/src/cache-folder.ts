import { resolve } from "node:path";
import envPaths from "env-paths";

const paths = envPaths("limbeck", { suffix: "" });

/**
 * Folder of what can be made again, such as decoded data sets and a TensorFlow that was set up: the argument, else
 * `LIMBECK_CACHE`, else the user's cache folder of the platform.
 */
export function cacheFolder(folder?: string): string {
  return resolve(folder ?? (process.env["LIMBECK_CACHE"] || paths.cache));
}
