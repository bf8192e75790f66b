import { z } from "zod";
import { cropRange, recoverOptions, teacherOption } from "../shared/config.ts";

/** Options of SRe2L. */
export const sre2lConfigSchema = z.strictObject({
  ...recoverOptions,
  ...teacherOption,
  crop: z
    .union([
      z.literal("none"),
      z
        .strictObject(cropRange)
        .refine(({ low, high }) => low <= high, { message: "low must not be above high" }),
    ])
    .prefault({})
    .describe("range of the random crops that the teacher sees, mirrored by chance; none: whole images"),
});
export type Sre2lConfigInput = z.input<typeof sre2lConfigSchema>;
export type Sre2lConfig = z.output<typeof sre2lConfigSchema>;
