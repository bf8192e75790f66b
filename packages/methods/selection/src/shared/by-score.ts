import type { RunContext } from "@limbeck/core";
import { chooseByClass, type Selection } from "./selection-method.ts";

/**
 * The `ipc` images of each class with the lowest (`easy`) or highest (`hard`) scores; among equals the first in the training split.
 *
 * @param scores One for each training image.
 */
export function chooseByScore(
  context: RunContext,
  scores: ArrayLike<number>,
  ipc: number,
  order: "easy" | "hard",
): Selection {
  const sign = order === "easy" ? 1 : -1;
  return chooseByClass(context, (members) => {
    const sorted = [...members].sort((a, b) => sign * (scores[a]! - scores[b]!) || a - b);
    const positions = Int32Array.from(sorted.slice(0, ipc));
    return {
      positions,
      criterion: positions.reduce((sum, position) => sum + scores[position]!, 0) / ipc,
    };
  });
}
