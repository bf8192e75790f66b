import { z } from "zod";
import { selectionShape, trainedShape } from "../shared/config.ts";

/** The only place where an option of `forgetting`, its range and its default are written. */
export const forgettingConfigSchema = z.strictObject({
  ...selectionShape,
  ...trainedShape,
  trainingEpochs: trainedShape.trainingEpochs.default(20),
  order: z.enum(["easy", "hard"]).default("hard").describe("least or most forgotten first"),
});
/** Complete. @see forgettingConfigSchema */
export type ForgettingConfig = z.output<typeof forgettingConfigSchema>;
