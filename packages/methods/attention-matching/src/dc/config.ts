import { z } from "zod";
import { gradientConfigShape } from "../shared/gradient-config.ts";

/** Configuration of DC: noise to start from, no augmentation. */
export const dcConfigSchema = z.strictObject({
  ...gradientConfigShape,
  initialisation: gradientConfigShape.initialisation.default("noise"),
  augmentation: gradientConfigShape.augmentation.default("none"),
});
export type DcConfigInput = z.input<typeof dcConfigSchema>;
export type DcConfig = z.output<typeof dcConfigSchema>;
