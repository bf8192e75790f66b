import * as tf from "@tensorflow/tfjs-core";

/** A loss with its parts by name, all scalars. */
export interface LossTerms {
  readonly loss: tf.Scalar;
  readonly terms: Readonly<Record<string, tf.Scalar>>;
}

/**
 * Gradient of a loss in `x`, and the values of its terms as numbers, from one pass. The caller owns the gradient; everything
 * else is disposed of.
 *
 * @param f Differentiable in its argument.
 */
export function gradientWithTerms<T extends tf.Tensor>(
  x: T,
  f: (x: T) => LossTerms,
): { readonly gradient: T; readonly terms: Readonly<Record<string, number>> } {
  let names: readonly string[] = [];
  let values: tf.Tensor | undefined;
  const gradient = tf.grad((at: tf.Tensor) => {
    const { loss, terms } = f(at as T);
    names = Object.keys(terms);
    if (names.length > 0) values = tf.keep(tf.stack(Object.values(terms)));
    return loss;
  })(x) as T;
  const numbers = values?.dataSync() ?? [];
  values?.dispose();
  return { gradient, terms: Object.fromEntries(names.map((name, i) => [name, numbers[i]!])) };
}

/** Adds the numbers of `more` to those of `sums`, by name. */
export function addTerms(sums: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + value;
}
