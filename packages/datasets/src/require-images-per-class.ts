import { ConfigError, DataError, type ImageDataset } from "@limbeck/core";

/**
 * Check that every class has enough training images.
 *
 * @param ipc Images per class that are wanted, an integer from 1 up.
 * @throws {ConfigError} if `ipc` is no such number.
 * @throws {DataError} naming the classes that have fewer.
 */
export function requireImagesPerClass(
  dataset: Pick<ImageDataset, "name" | "classes" | "train">,
  ipc: number,
): void {
  if (!Number.isInteger(ipc) || ipc < 1) {
    throw new ConfigError(`ipc: wanted an integer from 1 up, got ${ipc}`);
  }
  const counts = dataset.classes.map(() => 0);
  for (const label of dataset.train.labels) counts[label]! += 1;
  const short = dataset.classes.flatMap((name, label) => {
    return counts[label]! < ipc ? [`${JSON.stringify(name)} has ${counts[label]}`] : [];
  });
  if (short.length === 0) return;
  throw new DataError(
    `${dataset.name}: wanted at least ${ipc} training images of every class, ` +
      `got fewer of ${short.length}: ${short.slice(0, 5).join(", ")}${short.length > 5 ? ", …" : ""}; ` +
      `lower ipc or add images`,
  );
}
