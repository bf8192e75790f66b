import type { BackendName } from "./backend-name.ts";
import type { EngineSettings, Precision } from "./settings.ts";

/** What a back end does under each {@link Precision}, such as `{ highest: "float32", high: "float32-winograd", … }`. */
export type Arithmetic = Readonly<Record<Precision, string>>;

/** The arithmetic of every back end without a low-precision path. */
export const FLOAT32_ONLY: Arithmetic = { highest: "float32", high: "float32", default: "float32" };

/** A back end that this machine has. */
export interface Available {
  readonly available: true;
  /** Version of the library behind it. */
  readonly version: string;
  /** What computes, such as `Intel Xeon …` or `NVIDIA … (CUDA)`. */
  readonly device: string;
  /** Whether a graphics card computes: decides the place in the automatic order. */
  readonly accelerated: boolean;
  /** Threads it would use with the settings in force. */
  readonly threads: number;
  readonly arithmetic: Arithmetic;
  /** Instruction set of its kernels, such as `avx512-amx`, `simd128`, `none`. */
  readonly isa: string;
  /** Bytes of the graphics card's memory; null or left out where it is not told. */
  readonly memory?: number | null;
  /** How it could do better here, as an instruction. */
  readonly advice?: string;
}

/** A back end that cannot be had here. */
export interface Unavailable {
  readonly available: false;
  /** What is missing, without a full stop. */
  readonly reason: string;
  /** What the user can do about it, as an instruction. */
  readonly fix: string;
}

export type Availability = Available | Unavailable;

/** How the engine deals with one back end. */
export interface BackendDriver {
  readonly name: BackendName;
  /** Finds out whether it can be had. Never throws; leaves the back end in force as it was. */
  probe(settings: EngineSettings): Promise<Availability>;
  /** Prepares registration with tfjs and applies precision and threads; called after a successful probe. */
  prepare(settings: EngineSettings): void;
}

/** First line of what an error says, for one-line reasons. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0]!.trim();
}
