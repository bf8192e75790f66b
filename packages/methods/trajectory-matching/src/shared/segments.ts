import {
  ConfigError,
  foldIn,
  integers,
  permutation,
  type Key,
  type PreparedPart,
  type RunContext,
} from "@limbeck/core";
import { expertParts } from "../experts/expert-parts.ts";
import type { TrajectoryConfig } from "./config.ts";

/** A piece of one expert's training. */
export interface Segment {
  readonly expert: number;
  /** Epochs behind the expert where the segment starts. */
  readonly startEpoch: number;
  /** Of this step of the run. */
  readonly key: Key;
}

type SegmentConfig = Pick<TrajectoryConfig, "maxStartEpoch" | "matchedEpochs" | "expertEpochs">;

/**
 * Epochs that each expert is trained: those asked for, or as many as the last segment reaches.
 *
 * @throws {ConfigError} if fewer were asked for than the last segment reaches.
 */
export function epochsOf({ maxStartEpoch, matchedEpochs, expertEpochs }: SegmentConfig): number {
  const reached = maxStartEpoch - 1 + matchedEpochs;
  if (expertEpochs === "auto") return reached;
  if (expertEpochs >= reached) return expertEpochs;
  throw new ConfigError(
    `config: segments of ${matchedEpochs} epochs that start before epoch ${maxStartEpoch} reach epoch ${reached}, ` +
      `but the experts have ${expertEpochs}; raise expertEpochs or lower maxStartEpoch`,
  );
}

/** The experts of a run, as parts to prepare. Errors as {@link epochsOf} and `expertParts`. */
export function prepareExperts(context: RunContext, config: TrajectoryConfig): PreparedPart[] {
  return expertParts(context, config, epochsOf(config));
}

/**
 * The segment of a step: experts in random order, each once before any twice; the start epoch uniform in `from` … `to` − 1.
 */
export function drawSegment(
  context: Pick<RunContext, "key">,
  { experts }: Pick<TrajectoryConfig, "experts">,
  step: number,
  { from, to }: { readonly from: number; readonly to: number },
): Segment {
  const key = foldIn(context.key, step);
  const order = permutation(foldIn(foldIn(context.key, "experts"), Math.floor(step / experts)), experts);
  return {
    expert: order[step % experts]!,
    startEpoch: integers(foldIn(key, "start epoch"), 1, from, to)[0]!,
    key,
  };
}
