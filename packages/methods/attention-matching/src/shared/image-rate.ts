/** A rate of the images, and how it falls. */
export interface ImageRate {
  readonly imageLearningRate: number;
  readonly imageRateHalfLife: "none" | number;
}

/**
 * The rate in step 0, 1, …: `r · 2^(−step / h)`. It depends on the step alone, not on the length of the run, so that a run can be
 * continued.
 *
 * Differs: no paper of the family lets the rate of the images fall; their thousands of updates begin with it as small as it has to be at the end.
 */
export function imageRate({ imageLearningRate, imageRateHalfLife }: ImageRate, step: number): number {
  return imageRateHalfLife === "none"
    ? imageLearningRate
    : imageLearningRate * 2 ** (-step / imageRateHalfLife);
}
