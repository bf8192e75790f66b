import { BackendError } from "../errors.ts";
import type { BackendName } from "./backend-name.ts";
import type { Availability, Available } from "./driver.ts";

/** One place in the automatic order: the back end, and whether only a graphics card counts there. */
interface Candidate {
  readonly name: BackendName;
  readonly accelerated: boolean;
}

/** Graphics cards first, then the processor, fastest library first. `cpu` is only ever asked for by name. */
const AUTO_ORDER: readonly Candidate[] = [
  { name: "tensorflow", accelerated: true },
  { name: "webgpu", accelerated: true },
  { name: "native", accelerated: false },
  { name: "tensorflow", accelerated: false },
  { name: "wasm", accelerated: false },
];

/** A back end that was passed over. */
export interface PassedOver {
  readonly backend: BackendName;
  readonly reason: string;
  readonly fix: string;
}

export interface Choice {
  readonly backend: BackendName;
  readonly found: Available;
  /** Better places in the order that could not be had, best first. */
  readonly passedOver: readonly PassedOver[];
}

/**
 * Takes the first back end of {@link AUTO_ORDER} that can be had.
 *
 * @param probe Called at most once a place, in order; later places are not probed.
 * @throws {BackendError} listing every reason, if none can be had.
 */
export async function chooseBackend(probe: (candidate: Candidate) => Promise<Availability>): Promise<Choice> {
  const passedOver: PassedOver[] = [];
  for (const candidate of AUTO_ORDER) {
    const found = await probe(candidate);
    if (!found.available) {
      passedOver.push({ backend: candidate.name, reason: found.reason, fix: found.fix });
    } else if (candidate.accelerated && !found.accelerated) {
      const reason = `it has no graphics card here, only ${found.device}`;
      passedOver.push({ backend: candidate.name, reason, fix: `force it with --backend ${candidate.name}` });
    } else {
      return { backend: candidate.name, found, passedOver };
    }
  }
  const reasons = passedOver.map(({ backend, reason, fix }) => `${backend}: ${reason}; ${fix}`);
  throw new BackendError(`useBackend: wanted any back end, got none; ${[...new Set(reasons)].join(". ")}`);
}
