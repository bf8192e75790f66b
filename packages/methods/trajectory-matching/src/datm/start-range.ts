import { ConfigError } from "@limbeck/core";
import type { DatmConfig } from "./config.ts";

type RangeConfig = Pick<DatmConfig, "minStartEpoch" | "firstMaxStartEpoch" | "maxStartEpoch" | "expandUntil">;

/**
 * Start epochs of a step: `from` = T⁻ … `to` − 1, where `to` grows evenly from T in step 0 to T⁺ in step E:
 *
 *     to = min(T + ⌊(T⁺ − T)·step / E⌋, T⁺)
 *
 * @see Guo et al., "Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching" (ICLR 2024), section 3.2.
 */
export function startRange(
  { minStartEpoch, firstMaxStartEpoch, maxStartEpoch, expandUntil }: RangeConfig,
  step: number,
): { readonly from: number; readonly to: number } {
  const first = firstMaxStartEpoch === "auto" ? maxStartEpoch : firstMaxStartEpoch;
  const grown = first + Math.floor(((maxStartEpoch - first) * step) / expandUntil);
  return { from: minStartEpoch, to: Math.min(grown, maxStartEpoch) };
}

/** @throws {ConfigError} unless T⁻ < T ≤ T⁺. */
export function checkRange({ minStartEpoch, firstMaxStartEpoch, maxStartEpoch }: RangeConfig): void {
  const first = firstMaxStartEpoch === "auto" ? maxStartEpoch : firstMaxStartEpoch;
  if (minStartEpoch < first && first <= maxStartEpoch) return;
  throw new ConfigError(
    `datm config: wanted minStartEpoch < firstMaxStartEpoch ≤ maxStartEpoch, got ${minStartEpoch}, ${first}, ${maxStartEpoch}`,
  );
}
