import { z } from "zod";
import { cropRange } from "./config.ts";

/** How the smallest crop shrinks while a batch is recovered. */
export const curriculumSchema = z
  .strictObject({
    ...cropRange,
    mode: z
      .enum(["constant", "step", "linear", "cosine"])
      .default("cosine")
      .describe(
        "way from whole images to crops of every scale; constant: crops of every scale from the start",
      ),
    milestone: z
      .number()
      .gt(0)
      .max(1)
      .default(1)
      .describe("share of the iterations after which the smallest crop has reached `low`"),
  })
  .refine(({ low, high }) => low <= high, { message: "low must not be above high", path: ["low"] });
export type Curriculum = z.output<typeof curriculumSchema>;

/**
 * Smallest share of the area that a crop shows at iteration `t` of `total`, with m the milestone:
 *
 *     step      high                                      before m·total, then low
 *     linear    low + (high − low)·(1 − t/(m·total))      before m·total, then low
 *     cosine    low + (high − low)·½(1 + cos(π·t/(m·total)))
 *
 * @see Yin and Shen, "Dataset Distillation via Curriculum Data Synthesis in Large Data Era" (TMLR 2024), section 3.3.
 */
export function smallestCrop(curriculum: Curriculum, t: number, total: number): number {
  const { mode, milestone, low, high } = curriculum;
  const part = t / (milestone * total);
  if (mode === "constant" || part >= 1) return low;
  if (mode === "step") return high;
  const left = mode === "linear" ? 1 - part : 0.5 * (1 + Math.cos(Math.PI * part));
  return low + (high - low) * left;
}
