import { z } from "zod";
import { trajectoryConfigShape } from "../shared/config.ts";

/** Configuration of FTD: flat experts, and an average of the images. */
export const ftdConfigSchema = z.strictObject({
  ...trajectoryConfigShape,
  sharpnessRadius: trajectoryConfigShape.sharpnessRadius.default(0.01),
  surrogateWeight: trajectoryConfigShape.surrogateWeight.default(1),
  averageDecay: z
    .number()
    .min(0)
    .lt(1)
    .default(0.999)
    .describe(
      "decay a step of the moving average of the images, which is the result; 0: the images themselves. It starts from the first images: a run shorter than 1 / (1 − decay) ends as mostly those",
    ),
});
export type FtdConfigInput = z.input<typeof ftdConfigSchema>;
export type FtdConfig = z.output<typeof ftdConfigSchema>;
