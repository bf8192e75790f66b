import { z } from "zod";
import { recoverOptions, teacherOption } from "../shared/config.ts";
import { curriculumSchema } from "../shared/crop-curriculum.ts";

/** Options of CDA: those of SRe2L with a curriculum in the place of a fixed range of crops. */
export const cdaConfigSchema = z.strictObject({
  ...recoverOptions,
  ...teacherOption,
  curriculum: curriculumSchema.prefault({}),
});
export type CdaConfigInput = z.input<typeof cdaConfigSchema>;
export type CdaConfig = z.output<typeof cdaConfigSchema>;
