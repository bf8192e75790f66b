import { createRequire } from "node:module";
import util from "node:util";
import type { TensorflowPackage } from "./tensorflow-package.ts";

/** The package asks this one where its compiled binding lies, and for nothing else. */
const FINDER = "@mapbox/node-pre-gyp";

/** What tfjs-node 4.22 calls of `node:util` and newer versions of Node have removed. */
const REMOVED = {
  isNullOrUndefined: (value: unknown): boolean => value == null,
  isArray: Array.isArray,
} as const;

/**
 * Loads the package, which registers the back end `tensorflow` and makes it the one in force. Functions that Node has
 * removed are put back first; nothing of the package is changed on the disk.
 *
 * @param binding Compiled binding to use instead of the package's own: while the package loads, that is the answer to its
 *   question for one.
 */
export function loadTensorflowPackage({ entry }: Pick<TensorflowPackage, "entry">, binding?: string): void {
  restoreUtilFunctions(util as unknown as Record<string, unknown>);
  const require = createRequire(entry);
  if (binding === undefined) {
    require(entry);
    return;
  }
  const finder = require.resolve(FINDER);
  const before = require.cache[finder];
  require.cache[finder] = {
    id: finder,
    filename: finder,
    loaded: true,
    exports: { find: () => binding },
  } as NodeJS.Module;
  try {
    require(entry);
  } finally {
    if (before === undefined) delete require.cache[finder];
    else require.cache[finder] = before;
  }
}

/** Adds to `module` what it lacks of {@link REMOVED}. */
export function restoreUtilFunctions(module: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(REMOVED)) module[name] ??= value;
}
