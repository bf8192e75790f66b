import { withoutGroup } from "../augment/strategy.ts";
import type { ImageDataset } from "../dataset/image-dataset.ts";

/** Every group of the published strategy for natural images. */
const ALL_GROUPS = "color_crop_cutout_flip_scale_rotate";

/**
 * The augmentation that a configuration means for a data set: `auto` is every group, without the flip where mirror images change
 * class (digits).
 */
export function augmentationOf(
  { augmentation }: { readonly augmentation: string },
  { mirrorInvariant }: Pick<ImageDataset, "mirrorInvariant">,
): string {
  if (augmentation !== "auto") return augmentation;
  return mirrorInvariant ? ALL_GROUPS : withoutGroup(ALL_GROUPS, "flip");
}

/** Training images that come from one stored one: multi-formation's factor², twice as many with the flip embedding. */
export function imagesPerStored({
  factor,
  flipEmbedding,
}: {
  readonly factor: number;
  readonly flipEmbedding: boolean;
}): number {
  return factor * factor * (flipEmbedding ? 2 : 1);
}
