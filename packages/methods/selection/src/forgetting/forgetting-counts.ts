/**
 * How often each image was forgotten: right after one epoch, wrong after the next. Images that were never right count one more than
 * any image can be forgotten, as the hardest.
 *
 * @param right For each epoch, whether each image was classified correctly after it.
 */
export function forgettingCounts(right: readonly (readonly boolean[])[]): Float32Array {
  const images = right[0]?.length ?? 0;
  return Float32Array.from({ length: images }, (_, i) => {
    if (!right.some((epoch) => epoch[i])) return right.length;
    return right.filter((epoch, e) => e > 0 && right[e - 1]![i]! && !epoch[i]!).length;
  });
}
