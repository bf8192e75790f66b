/**
 * Factor of the student's loss for a segment that starts at epoch t: with h = ⌊T⁺/2⌋
 *
 *     log₅(t − h + 8) for t ≥ h,  1 / log₅(h − t + 8) before
 *
 * so early segments, whose steps are large, count less. 1.29 at t = h.
 */
export function balanceFactor(startEpoch: number, maxStartEpoch: number): number {
  const half = Math.floor(maxStartEpoch / 2);
  const log5 = (value: number): number => Math.log(value) / Math.log(5);
  return startEpoch >= half ? log5(startEpoch - half + 8) : 1 / log5(half - startEpoch + 8);
}
