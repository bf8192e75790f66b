import { studentTQuantile } from "./student-t.ts";
import { summarise } from "./summary.ts";

/** Results of several sets, each scored with several networks. */
export interface NestedSummary {
  /** Sets: distillation seeds. */
  readonly sets: number;
  /** Networks over all sets. */
  readonly n: number;
  /** Mean of the sets' means: a set with more networks counts no more. */
  readonly mean: number;
  /** Sample standard deviation of the sets' means; NaN for one set. It holds the networks' spread, divided by their number. */
  readonly betweenStd: number;
  /** Pooled sample standard deviation of networks trained on one set; NaN where every set has one network. */
  readonly withinStd: number;
  /** Half-width of the 95 % interval of the mean: by the sets' means where there are two sets or more, else by the networks. */
  readonly halfWidth95: number;
}

/**
 * Mean and the two sources of spread: element k holds the accuracies of the networks trained on the set of distillation seed k. The
 * unit of repetition is the set; networks on one set say nothing of how sets vary.
 *
 * @throws {RangeError} if there is no set, a set has no network, or a value is not finite.
 */
export function summariseNested(bySet: readonly (readonly number[])[]): NestedSummary {
  if (bySet.length === 0) throw new RangeError("summariseNested: wanted at least one set, got none");
  const each = bySet.map(summarise);
  const n = each.reduce((sum, summary) => sum + summary.n, 0);
  const sets = each.length;
  const between = summarise(each.map(({ mean }) => mean));
  const freedom = n - sets;
  const squares = each.reduce((sum, { n, std }) => (n > 1 ? sum + (n - 1) * std ** 2 : sum), 0);
  const withinStd = freedom > 0 ? Math.sqrt(squares / freedom) : NaN;
  return {
    sets,
    n,
    mean: between.mean,
    betweenStd: between.std,
    withinStd,
    halfWidth95:
      sets > 1 ? (studentTQuantile(0.975, sets - 1) * between.std) / Math.sqrt(sets) : each[0]!.halfWidth95,
  };
}

/** `54.2 ± 0.8 (3 sets × 3, between sets 0.6)`: ± is the sample standard deviation over networks of one set. */
export function formatNested({ sets, n, mean, betweenStd, withinStd }: NestedSummary): string {
  const networks = n % sets === 0 ? `${sets} × ${n / sets}` : `${sets} sets, ${n} networks`;
  const within = Number.isNaN(withinStd) ? "" : ` ± ${withinStd.toFixed(1)}`;
  const between = Number.isNaN(betweenStd) ? "" : `, between sets ${betweenStd.toFixed(1)}`;
  return `${mean.toFixed(1)}${within} (${networks}${between})`;
}
