import { samplesAtOnce } from "@limbeck/core";

/** Classes are worked through in groups of at most this many images, so that memory does not grow with their number. */
const IMAGES_PER_GROUP = 256;

/** Images of a group of classes at most, unless a single class has more. */
export function imagesPerGroup(): number {
  return Math.min(IMAGES_PER_GROUP, samplesAtOnce());
}

/** Neighbouring classes in groups whose images are worked through together: `[[0, 1], [2, 3], …]`. */
export function classGroups(classes: number, imagesPerClass: number): number[][] {
  const perGroup = Math.max(1, Math.floor(imagesPerGroup() / imagesPerClass));
  return Array.from({ length: Math.ceil(classes / perGroup) }, (_, g) =>
    Array.from({ length: Math.min(perGroup, classes - g * perGroup) }, (__, i) => g * perGroup + i),
  );
}
