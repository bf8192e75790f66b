import type { RunContext } from "../method/method.ts";
import type { PreparedPart } from "../method/prepared-part.ts";
import { memoryPartStore } from "../run/part-store.ts";
import { prepareContext } from "../run/prepare-parts.ts";
import { runEnvironment } from "../run/run-environment.ts";
import type { ResumableTrainingOptions } from "./training-parts.ts";

/**
 * The context with parts that no run asked for: a training on its own.
 *
 * @param id What trains, in messages.
 */
export async function prepareAlone(
  id: string,
  context: RunContext,
  parts: readonly PreparedPart[],
  config: unknown,
  { store = memoryPartStore(), ...options }: ResumableTrainingOptions,
): Promise<RunContext> {
  return prepareContext({ id, prepare: () => parts }, context, config, {
    ...options,
    store,
    environment: await runEnvironment(),
  });
}
