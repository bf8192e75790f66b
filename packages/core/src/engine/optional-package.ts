import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Entry file of a package that need not be installed: looked for beside this package first, then from the working
 * folder, where a user of the published packages would have added it.
 *
 * @returns A `file:` address for `import()`, or undefined where the package is not installed.
 */
export function resolveOptional(specifier: string): string | undefined {
  for (const from of [import.meta.url, join(process.cwd(), "package.json")]) {
    try {
      return pathToFileURL(createRequire(from).resolve(specifier)).href;
    } catch {
      // Not there: try the next place.
    }
  }
  return undefined;
}
