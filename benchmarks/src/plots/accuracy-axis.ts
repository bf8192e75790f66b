/** Vertical axis of accuracies. */
export const PERCENT = {
  type: "quantitative" as const,
  title: "accuracy, % (mean ± standard deviation)",
  scale: { zero: false },
};

/** A mean and the ends of its rule: one standard deviation to either side, none for a single value. */
export function meanWithSpread({ mean, std }: { readonly mean: number; readonly std: number }): {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
} {
  const spread = Number.isFinite(std) ? std : 0;
  return { mean, low: mean - spread, high: mean + spread };
}
