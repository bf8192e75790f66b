import { ConfigError } from "../errors.ts";

/** Groups of operations of DSA. */
export const DSA_GROUPS = ["color", "crop", "cutout", "flip", "rotate", "scale"] as const;

/** @see DSA_GROUPS */
export type DsaGroup = (typeof DSA_GROUPS)[number];

/**
 * Groups named by a strategy string such as `color_crop_cutout_flip_scale_rotate`, in its order; `none` names no group.
 *
 * @throws {ConfigError} on an unknown or repeated group.
 */
export function parseStrategy(text: string): readonly DsaGroup[] {
  if (text === "none") return [];
  const names = text.split("_");
  return names.map((name, i) => {
    const group = DSA_GROUPS.find((known) => known === name);
    if (group === undefined) {
      throw new ConfigError(
        `augmentation: unknown group "${name}" in "${text}"; known: ${DSA_GROUPS.join(", ")}, joined by "_", or none`,
      );
    }
    if (names.indexOf(name) !== i) {
      throw new ConfigError(`augmentation: group "${name}" comes twice in "${text}"; name it once`);
    }
    return group;
  });
}
