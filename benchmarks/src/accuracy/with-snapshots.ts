import type { DistillationMethod, SyntheticSet } from "@limbeck/core";

/** A set as it stood after some step, without its provenance. */
export type SetContent = Omit<SyntheticSet, "provenance">;

/**
 * The same method, which also keeps the set as it stands after each of `steps`. Its runs are the same runs, bit for bit.
 *
 * @returns `take(step)`: the set after that step, once; undefined where none was wanted or it was taken before.
 */
export function withSnapshots(
  method: DistillationMethod,
  steps: readonly number[],
): { readonly watched: DistillationMethod; readonly take: (step: number) => SetContent | undefined } {
  const wanted = new Set(steps);
  const kept = new Map<number, SetContent>();
  const watched: DistillationMethod = {
    ...method,
    step(context, state, config, step) {
      const result = method.step(context, state, config, step);
      if (wanted.has(step + 1)) kept.set(step + 1, method.result(context, result.state, config));
      return result;
    },
  };
  return {
    watched,
    take(step) {
      const content = kept.get(step);
      kept.delete(step);
      return content;
    },
  };
}
