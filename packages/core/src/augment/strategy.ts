import { ConfigError } from "../errors.ts";

/** Groups of operations of DSA. */
export const DSA_GROUPS = ["color", "crop", "cutout", "flip", "rotate", "scale"] as const;

/** @see DSA_GROUPS */
export type DsaGroup = (typeof DSA_GROUPS)[number];

/**
 * Stages of a strategy, in order: of each stage one group, chosen at random, is applied.
 *
 * A plain string such as `color_crop_cutout_flip_scale_rotate` is one stage: DSA. Stages are joined by `+`:
 * `flip+color_crop_cutout_scale_rotate` mirrors first and then applies one of the others, as the code of FYI does;
 * `color+crop+cutout` applies all three. `none` has no stage.
 *
 * @throws {ConfigError} on an unknown or repeated group.
 */
export function parseStrategy(text: string): readonly (readonly DsaGroup[])[] {
  if (text === "none") return [];
  const names = text.split(/[_+]/);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  return text.split("+").map((stage) =>
    stage.split("_").map((name) => {
      const group = DSA_GROUPS.find((known) => known === name);
      if (group === undefined) {
        throw new ConfigError(
          `augmentation: unknown group "${name}" in "${text}"; known: ${DSA_GROUPS.join(", ")}, joined by "_" or "+", or none`,
        );
      }
      if (name === twice) {
        throw new ConfigError(`augmentation: group "${name}" comes twice in "${text}"; name it once`);
      }
      return group;
    }),
  );
}

/** The same strategy without one group; `none` if it was the only one. @throws {ConfigError} as {@link parseStrategy}. */
export function withoutGroup(text: string, group: DsaGroup): string {
  const stages = parseStrategy(text)
    .map((stage) => stage.filter((other) => other !== group))
    .filter((stage) => stage.length > 0);
  return stages.length === 0 ? "none" : stages.map((stage) => stage.join("_")).join("+");
}
