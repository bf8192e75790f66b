/** Where the reduction of a learning rate stands: numbers only, so that it can be part of a state. */
export type Plateau = {
  /** Lowest value so far. */
  readonly best: number;
  /** Steps since it was lowered. */
  readonly since: number;
  /** What the learning rate is multiplied by. */
  readonly factor: number;
};

/** A value must be lower by this share to count as an improvement (PyTorch's default). */
const THRESHOLD = 1e-4;

/** Before the first step. */
export const newPlateau: Plateau = { best: Infinity, since: 0, factor: 1 };

/** After a step with this value: the factor is reduced when `patience` steps in a row brought no improvement, and one more. */
export function afterStep(
  { best, since, factor }: Plateau,
  value: number,
  { patience, reduceBy }: { readonly patience: number; readonly reduceBy: number },
): Plateau {
  if (value < best * (1 - THRESHOLD)) return { best: value, since: 0, factor };
  return since + 1 > patience
    ? { best, since: 0, factor: factor * reduceBy }
    : { best, since: since + 1, factor };
}
