import type { ConfigChoice } from "../method/resolve-config.ts";

/** How often something is done: after so many steps, so many seconds of work, or whichever comes first. */
export interface Cadence {
  readonly steps?: number;
  readonly seconds?: number;
}

export interface DistillOptions<ConfigInput> extends ConfigChoice<ConfigInput> {
  /** Decides every random choice. Default 0. */
  readonly seed?: number;
  /** Run folder, made if needed. Without one the run lives in memory and cannot be resumed. */
  readonly directory?: string;
  /**
   * Folder of what runs prepare and share, such as trained networks; made if needed. Default: `prepared` beside the run folder,
   * the memory of this process without one.
   */
  readonly cache?: string;
  /** Default: every 60 seconds. A last one is written when the run ends or is interrupted. */
  readonly checkpointEvery?: Cadence;
  /** Steps between two writings of `preview.png`. Default: only at the end. */
  readonly previewEvery?: number;
  /** Steps between two sets that are kept as `sets/step-….arrow` in the run folder, to watch how images form. Default: none. */
  readonly keepEvery?: number;
  /** Aborting it finishes the step, writes a checkpoint and ends the run with `InterruptedError`. */
  readonly signal?: AbortSignal;
  /** Go on with the run in `directory`, or start one if there is none. Default false: a folder with a run is refused. */
  readonly resume?: boolean;
  /**
   * Folder of a shorter run, finished or not, that is the same but for `iterations`: the new one begins in `directory` where that one
   * stands, with its log and kept sets, to the same bits as from the start. The old folder stays as it is. For methods that are
   * `openEnded`.
   */
  readonly continueFrom?: string;
}
