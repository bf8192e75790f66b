import { fileURLToPath } from "node:url";

/** Folder of this package, with a trailing separator; the same from `src` and from the built `dist`. */
export const packageRoot = fileURLToPath(new URL("../", import.meta.url));
