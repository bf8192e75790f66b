/**
 * Cross-entropy of rows of class scores, in float64: `log(1 + Σ_{k ≠ c} exp(z_k − z_c))`. float32 rounds that of an easy crop to 0,
 * and most crops of a good teacher's classes are easy.
 *
 * @param logits Row-major `[N, classes]`.
 */
export function crossEntropies(logits: ArrayLike<number>, label: number, classes: number): Float64Array {
  return Float64Array.from({ length: logits.length / classes }, (_, n) => {
    let others = 0;
    for (let k = 0; k < classes; k++) {
      if (k !== label) others += Math.exp(logits[n * classes + k]! - logits[n * classes + label]!);
    }
    return Math.log1p(others);
  });
}

/** A crop among those of a class: where it lies in its list, and its teacher's loss. */
export interface ScoredCrop {
  /** Position in the list that is scored. */
  readonly index: number;
  readonly loss: number;
}

/**
 * The crop of lowest loss of each image, the first of equals.
 *
 * @param losses Image after image, `crops` of each.
 */
export function bestOfImages(losses: ArrayLike<number>, crops: number): ScoredCrop[] {
  const best: ScoredCrop[] = [];
  for (let start = 0; start < losses.length; start += crops) {
    let index = start;
    for (let i = start + 1; i < start + crops; i++) if (losses[i]! < losses[index]!) index = i;
    best.push({ index, loss: losses[index]! });
  }
  return best;
}

/** The `count` of lowest loss, lowest first, the first of equals. */
export function lowest(scored: readonly ScoredCrop[], count: number): ScoredCrop[] {
  return scored
    .map((crop, order) => ({ crop, order }))
    .sort((a, b) => a.crop.loss - b.crop.loss || a.order - b.order)
    .slice(0, count)
    .map(({ crop }) => crop);
}
