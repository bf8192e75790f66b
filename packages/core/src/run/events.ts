import type { Forecast } from "../method/method.ts";

/** What `distill()` yields while it works. One JSON line each in `events.jsonl`, with `time` added there. */
export type RunEvent =
  | { readonly kind: "start"; readonly step: number; readonly steps: number; readonly forecast: Forecast }
  | {
      /** Before the first step: something that the method needs is being made, was made, or was found in the cache. */
      readonly kind: "prepare";
      readonly step: 0;
      readonly name: string;
      /** 1-based, of `parts`. */
      readonly part: number;
      readonly parts: number;
      readonly state: "making" | "made" | "found";
    }
  | {
      readonly kind: "step";
      /** 1-based number of the finished step. */
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      readonly terms: Readonly<Record<string, number>>;
      /** Wall seconds of this step. */
      readonly seconds: number;
      /** Bytes of live tensors after the step. */
      readonly bytes: number;
      /** Most bytes allocated on the graphics device so far; only where the back end tells (`webgpu`). */
      readonly devicePeakBytes?: number;
    }
  | { readonly kind: "checkpoint"; readonly step: number; readonly path: string }
  | { readonly kind: "interrupted"; readonly step: number; readonly resume: string }
  | { readonly kind: "done"; readonly step: number; readonly seconds: number };
