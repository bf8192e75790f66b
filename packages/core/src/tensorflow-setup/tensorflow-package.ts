import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { resolveOptional } from "../engine/optional-package.ts";

/** Either package gives the same back end; the first that is installed is taken. */
export const TENSORFLOW_PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

/** An installed npm package of the TensorFlow back end. */
export interface TensorflowPackage {
  readonly name: string;
  readonly version: string;
  /** Its folder, with links resolved. */
  readonly folder: string;
  /** Its main module. */
  readonly entry: string;
}

/** Those of {@link TENSORFLOW_PACKAGES} that are installed here, in that order. */
export function installedTensorflowPackages(): TensorflowPackage[] {
  return TENSORFLOW_PACKAGES.flatMap((name) => {
    const address = resolveOptional(name);
    if (address === undefined) return [];
    const entry = realpathSync(fileURLToPath(address));
    const folder = dirname(dirname(entry));
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
    return [{ name, version, folder, entry }];
  });
}
