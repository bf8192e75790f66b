import { BackendError } from "../../errors.ts";
import { firstLine } from "../driver.ts";
import { SPLIT_BATCHES } from "../samples-at-once.ts";
import type { GpuDevice, GpuError } from "./dawn.ts";

/** What a device reported, in the order of how much it spoils. */
type Kind = "lost" | "memory" | "refused";

interface Failure {
  readonly kind: Kind;
  readonly text: string;
  /** The program that ran last when it was reported. */
  readonly during: string;
}

const REMEDIES: Readonly<Record<Kind, string>> = {
  lost: "start the same command again: a run goes on from its last checkpoint",
  memory: `${SPLIT_BATCHES}, lower the batch (\`realBatch\`, \`batchSize\`) or the images per class, or choose another back end`,
  refused:
    "results on this device cannot be trusted: choose another back end, such as --backend native, and report this",
};

const FINDINGS: Readonly<Record<Kind, string>> = {
  lost: "the device was lost",
  memory: "the device ran out of memory",
  refused: "the device refused it",
};

/**
 * Keeps what a device reports outside of any call, where nobody could catch it, until {@link DeviceHealth.check} throws it. Without this a
 * refused program leaves its output as it was, and the work goes on with garbage.
 */
export class DeviceHealth {
  readonly #name: string;
  #failure: Failure | undefined;
  /** Name of the program in work, for messages. */
  during = "start";

  constructor(device: GpuDevice, name: string) {
    this.#name = name;
    device.addEventListener("uncapturederror", ({ error }) => {
      this.#report(isMemory(error) ? "memory" : "refused", firstLine(error.message));
    });
    void device.lost.then(({ reason, message }) => {
      this.reportLoss(`${reason}: ${message}`);
    });
  }

  /** True once the device is gone; it stays so. */
  get lost(): boolean {
    return this.#failure?.kind === "lost";
  }

  /** Notes that the device does not answer. */
  reportLoss(text: string): void {
    if (!this.lost) this.#failure = { kind: "lost", text, during: this.during };
  }

  /** True where memory ran out since the last question; the report is then forgotten. */
  takeOutOfMemory(): boolean {
    if (this.#failure?.kind !== "memory") return false;
    this.#failure = undefined;
    return true;
  }

  /**
   * Throws what was reported since the last check. A lost device throws for ever.
   *
   * @throws {BackendError} naming the work in hand, the device, its report, and what to do.
   */
  check(): void {
    const failure = this.#failure;
    if (failure === undefined) return;
    if (failure.kind !== "lost") this.#failure = undefined;
    const { kind, text, during } = failure;
    throw new BackendError(
      `webgpu: wanted ${during} on "${this.#name}", ${FINDINGS[kind]} (${text}); ${REMEDIES[kind]}`,
    );
  }

  /** The first report stands: later ones follow from it. A loss outweighs all. */
  #report(kind: Kind, text: string): void {
    this.#failure ??= { kind, text, during: this.during };
  }
}

function isMemory(error: GpuError): boolean {
  return error.constructor.name === "GPUOutOfMemoryError";
}
