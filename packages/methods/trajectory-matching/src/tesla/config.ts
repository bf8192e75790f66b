import { z } from "zod";
import { trajectoryConfigShape } from "../shared/config.ts";

/** Configuration of TESLA: its gradient by default, and its labels. */
export const teslaConfigSchema = z.strictObject({
  ...trajectoryConfigShape,
  gradient: trajectoryConfigShape.gradient.default("truncated"),
  labels: z
    .enum(["hard", "assigned"])
    .default("hard")
    .describe("classes, or the scores that the target snapshot of each step gives the images"),
});
export type TeslaConfigInput = z.input<typeof teslaConfigSchema>;
export type TeslaConfig = z.output<typeof teslaConfigSchema>;
