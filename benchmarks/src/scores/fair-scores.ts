/**
 * The scores of DD-Ranking (arXiv 2505.13300), by their definitions. All accuracies are fractions in [0, 1].
 *
 * Differs: from the released code, which feeds percentages to the exponential, repeats list entries, chooses learning rate and epoch
 * on the test split, searches longer for the condensed set than for the random one, and seeds by the clock.
 */

/** What one repetition measured, as fractions. */
export interface LabelAccuracies {
  /** Real data, hard labels. */
  readonly realHard: number;
  /** The set with hard labels. */
  readonly setHard: number;
  /** The set with its own labels. */
  readonly setOwn: number;
  /** As many random real images, labelled as the set's own labels are. */
  readonly randomOwn: number;
}

/** What one repetition measured with and without augmentation, own labels, as fractions. */
export interface AugmentationAccuracies {
  readonly setAugmented: number;
  readonly randomAugmented: number;
  readonly setPlain: number;
  readonly randomPlain: number;
}

/** `HLR = acc(real, hard) − acc(set, hard)`: what the images lose against the real data. Smaller is better. */
export function hardLabelRecovery({ realHard, setHard }: LabelAccuracies): number {
  return realHard - setHard;
}

/** `IOR = acc(set, own) − acc(random, own)`: what the set wins over random images under equal labels. Larger is better. */
export function improvementOverRandom({ setOwn, randomOwn }: LabelAccuracies): number {
  return setOwn - randomOwn;
}

/**
 * Label-robust score `(e^α − e⁻¹)/(e − e⁻¹)` in [0, 1], with `α = w·IOR − (1 − w)·HLR`.
 *
 * @param weight w.
 * @throws {RangeError} if an accuracy lies outside [0, 1], as percentages do.
 */
export function labelRobustScore(accuracies: LabelAccuracies, weight = 0.5): number {
  checkFractions("labelRobustScore", accuracies);
  return squash(weight * improvementOverRandom(accuracies) - (1 - weight) * hardLabelRecovery(accuracies));
}

/**
 * Augmentation-robust score `(e^β − e⁻¹)/(e − e⁻¹)` in [0, 1], with
 * `β = γ·(acc(set, aug) − acc(random, aug)) + (1 − γ)·(acc(set, plain) − acc(random, plain))`.
 *
 * @param weight γ.
 * @throws {RangeError} if an accuracy lies outside [0, 1], as percentages do.
 */
export function augmentationRobustScore(accuracies: AugmentationAccuracies, weight = 0.5): number {
  checkFractions("augmentationRobustScore", accuracies);
  const { setAugmented, randomAugmented, setPlain, randomPlain } = accuracies;
  return squash(weight * (setAugmented - randomAugmented) + (1 - weight) * (setPlain - randomPlain));
}

/** Maps [−1, 1] to [0, 1]: 0 to 0.2689, 0.1 to 0.3137. */
function squash(x: number): number {
  return (Math.exp(x) - Math.exp(-1)) / (Math.exp(1) - Math.exp(-1));
}

function checkFractions(where: string, accuracies: object): void {
  for (const [name, value] of Object.entries(accuracies) as [string, number][]) {
    if (value >= 0 && value <= 1) continue;
    throw new RangeError(
      `${where}: ${name} must be a fraction from 0 to 1, got ${value}; divide percentages by 100`,
    );
  }
}
