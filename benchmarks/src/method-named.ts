import {
  ConfigError,
  whitenedDataset,
  type DistillationMethod,
  type ImageDataset,
  type Whitening,
} from "@limbeck/core";
import { methods } from "./methods.gen.ts";

/**
 * @param among Default: every method of the workspace.
 * @throws {ConfigError} on an unknown id, naming the known ones.
 */
export function methodNamed(id: string, among: readonly DistillationMethod[] = methods): DistillationMethod {
  const found = among.find((method) => method.id === id);
  if (found !== undefined) return found;
  throw new ConfigError(`unknown method "${id}"; known: ${among.map((method) => method.id).join(", ")}`);
}

/**
 * The data set as a run wants it: whitened as an option says (true: pixels), else as the method's preset says.
 *
 * @throws {ConfigError} if it cannot be whitened.
 */
export async function whitenedAs(
  dataset: ImageDataset,
  choice: {
    readonly zca: Whitening | boolean | undefined;
    readonly method: DistillationMethod | undefined;
    readonly preset: string | undefined;
  },
): Promise<ImageDataset> {
  const whitening = whiteningOf(choice);
  return whitening === undefined ? dataset : whitenedDataset(dataset, whitening);
}

/** What {@link whitenedAs} does. */
export function whiteningOf({
  zca,
  method,
  preset,
}: Parameters<typeof whitenedAs>[1]): Whitening | undefined {
  if (zca === true) return "pixels";
  if (zca === false) return undefined;
  return zca ?? (preset === undefined ? undefined : method?.presets[preset]?.zca);
}
