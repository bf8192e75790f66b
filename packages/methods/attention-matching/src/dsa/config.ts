import { z } from "zod";
import { gradientConfigShape } from "../shared/gradient-config.ts";

/** Configuration of DSA: real images to start from, siamese augmentation. */
export const dsaConfigSchema = z.strictObject(gradientConfigShape);
export type DsaConfigInput = z.input<typeof dsaConfigSchema>;
export type DsaConfig = z.output<typeof dsaConfigSchema>;
