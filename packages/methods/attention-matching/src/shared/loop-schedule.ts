/** How often the images are matched on one network, and how long it is trained in between. */
export interface LoopSchedule {
  /** Updates of the images on one network. */
  readonly outer: number;
  /** Epochs on the synthetic images between two of them. */
  readonly inner: number;
}

/** Schedules of the authors' code, by images per class. */
const PUBLISHED: Readonly<Record<number, LoopSchedule>> = {
  1: { outer: 1, inner: 1 },
  10: { outer: 10, inner: 50 },
  20: { outer: 20, inner: 25 },
  30: { outer: 30, inner: 20 },
  40: { outer: 40, inner: 15 },
  50: { outer: 50, inner: 10 },
};

/**
 * The published schedule, or for other numbers of images one between: `outer = min(ipc, 50)`, `inner = round(500 / outer)`, at
 * least 1, so that a network trains for about as many epochs in all.
 *
 * Differs: the authors' code ends with an error where its table has no entry.
 *
 * @see VICO-UoE/DatasetCondensation, utils.py.
 */
export function loopSchedule(ipc: number): LoopSchedule {
  const outer = Math.min(ipc, 50);
  return PUBLISHED[ipc] ?? { outer, inner: Math.max(1, Math.round(500 / outer)) };
}
