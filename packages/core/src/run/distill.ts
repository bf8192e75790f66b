import type { z } from "zod";
import type { ImageDataset } from "../dataset/image-dataset.ts";
import { InterruptedError } from "../errors.ts";
import type { DistillationMethod, MethodState } from "../method/method.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import type { DistillOptions } from "./distill-options.ts";
import { createEventChannel } from "./event-channel.ts";
import type { RunEvent } from "./events.ts";
import { planRun } from "./plan-run.ts";
import { workRun } from "./work-run.ts";

/**
 * A distillation at work. Iterate over it for progress, await `result` for the set, or both; it starts with the first
 * of the two and never before. Errors come out of both.
 */
export interface Run extends AsyncIterable<RunEvent> {
  /**
   * The finished set. A loop over the run sets the pace: the run waits while the loop's body works. Asking for `result`
   * lets the run go on by itself.
   *
   * Rejects with {@link RunError} where the run had to stop, {@link InterruptedError} where it was asked to: by the
   * signal, or by leaving the loop early.
   */
  readonly result: Promise<SyntheticSet>;
}

/**
 * Condenses a data set. Same method, data, configuration, seed, machine, back end and thread count give the same bits,
 * in one go or killed and resumed any number of times.
 *
 * A run stops with {@link RunError} at the first step whose loss or one of its terms is not finite, and before a
 * checkpoint that would hold such a number; the last good checkpoint stays.
 *
 * @throws {ConfigError} at once, if the configuration, the preset or an option is wrong.
 */
export function distill<Schema extends z.ZodType, State extends MethodState>(
  method: DistillationMethod<Schema, State>,
  dataset: ImageDataset,
  options: DistillOptions<z.input<Schema>> = {},
): Run {
  const plan = planRun(method, dataset, options);
  const channel = createEventChannel<RunEvent>();
  let work: Promise<SyntheticSet> | undefined;
  const start = (): Promise<SyntheticSet> => {
    work ??= workRun(plan, {
      emit: (event) => channel.send(event),
      shouldStop: () => channel.left || options.signal?.aborted === true,
    });
    // A loop ends by itself after an interruption, which it has seen as an event; any other error comes out of it.
    work.then(
      () => channel.close(),
      (error: Error) => channel.close(error instanceof InterruptedError ? undefined : error),
    );
    return work;
  };
  return {
    get result() {
      channel.setFree();
      return work ?? start();
    },
    [Symbol.asyncIterator]: () => channel.read(() => void (work ?? start())),
  };
}
