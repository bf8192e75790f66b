import { createHash } from "node:crypto";
import type { z } from "zod";
import { DataError, InterruptedError, RunError } from "../errors.ts";
import type { DistillationMethod, Forecast, MethodState, RunContext } from "../method/method.ts";
import type { PreparedArrays, PreparedPart } from "../method/prepared-part.ts";
import { sortedJson } from "../method/sorted-json.ts";
import type { RunEvent } from "./events.ts";
import type { PartStore } from "./part-store.ts";

/** What decides the bits of a part besides its identity. */
export interface PartEnvironment {
  readonly backend: string;
  readonly precision: string;
  readonly threads: number;
  readonly samplesAtOnce?: number | undefined;
}

export interface PrepareOptions {
  readonly store: PartStore;
  readonly environment: PartEnvironment;
  /** Told before a part is made and when it is there. */
  readonly tell?: (event: Extract<RunEvent, { kind: "prepare" }>) => Promise<void>;
  /** Asked a few times a second while a part is being made; true stops with {@link InterruptedError}. */
  readonly shouldStop?: () => boolean;
}

/** Milliseconds between two questions whether to stop. */
const STOP_POLL = 100;

/**
 * A context in which a method's `init` and `step` find what its `prepare` asked for: each part read from the store, or made
 * and written to it. Stopped and called again it goes on with the first part that is missing.
 *
 * @throws {RunError} if two parts have one name.
 * @throws {DataError} if a stored part is damaged.
 * @throws {InterruptedError} if it was asked to stop.
 */
export async function prepareContext<Schema extends z.ZodType, State extends MethodState>(
  method: Pick<DistillationMethod<Schema, State>, "id" | "prepare">,
  context: RunContext,
  config: z.output<Schema>,
  options: PrepareOptions,
): Promise<RunContext> {
  const parts = method.prepare?.(context, config) ?? [];
  if (parts.length === 0) return context;
  const { store, tell, shouldStop = () => false } = options;
  // These and nothing else that the caller's object may hold: other runs must find the part.
  const { backend, precision, threads, samplesAtOnce } = options.environment;
  const environment = { backend, precision, threads, ...(samplesAtOnce !== undefined && { samplesAtOnce }) };
  // Addresses, not arrays: hundreds of snapshots need not fit into memory together.
  const addresses = new Map<string, string>();
  const prepared = (name: string): PreparedArrays => {
    const address = addresses.get(name);
    if (address === undefined) {
      throw new RunError(
        `${method.id}: nothing called "${name}" was prepared; known: ${listed([...addresses.keys()])}`,
      );
    }
    const arrays = store.read(address);
    if (arrays !== undefined) return arrays;
    throw new DataError(
      `${method.id}: ${name} was deleted from the cache during the run; resume it to make it again`,
    );
  };
  for (const [i, part] of parts.entries()) {
    if (addresses.has(part.name))
      throw new RunError(`${method.id}: two prepared parts are called "${part.name}"`);
    const identity = sortedJson({ ...part.identity, environment });
    const address = createHash("sha256").update(identity).digest("hex").slice(0, 32);
    const event = { kind: "prepare", step: 0, name: part.name, part: i + 1, parts: parts.length } as const;
    if (store.read(address) === undefined) {
      await tell?.({ ...event, state: "making" });
      const arrays = await makePart(
        part,
        prepared,
        shouldStop,
        `${method.id}: interrupted while ${part.name} was being made`,
      );
      store.write(address, identity, arrays);
      await tell?.({ ...event, state: "made" });
    } else {
      await tell?.({ ...event, state: "found" });
    }
    addresses.set(part.name, address);
  }
  return { ...context, prepared };
}

/** Names for a message: of many, the first few. */
function listed(names: readonly string[]): string {
  return names.length <= 10
    ? names.join(", ")
    : `${names.slice(0, 10).join(", ")} and ${names.length - 10} more`;
}

/** A method's forecast, with the cost of what is to be prepared. */
export function forecastOf<Schema extends z.ZodType, State extends MethodState>(
  method: DistillationMethod<Schema, State>,
  context: RunContext,
  config: z.output<Schema>,
): Forecast {
  const forecast = method.forecast(context, config);
  const parts = method.prepare?.(context, config) ?? [];
  if (parts.length === 0) return forecast;
  const sum = (of: (part: PreparedPart) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  const preparation = {
    parts: parts.length,
    multiplyAdds: sum((part) => part.multiplyAdds),
    bytes: sum((part) => part.bytes),
  };
  return { ...forecast, preparation };
}

async function makePart(
  part: PreparedPart,
  prepared: (name: string) => PreparedArrays,
  shouldStop: () => boolean,
  interrupted: string,
): Promise<PreparedArrays> {
  const stopped = (): InterruptedError =>
    new InterruptedError(`${interrupted}; finished parts are kept, the same run goes on from there`);
  // Quick parts end before the first question.
  if (shouldStop()) throw stopped();
  const controller = new AbortController();
  const poll = setInterval(() => {
    if (shouldStop()) controller.abort(stopped());
  }, STOP_POLL);
  try {
    return await part.make(controller.signal, prepared);
  } finally {
    clearInterval(poll);
  }
}
