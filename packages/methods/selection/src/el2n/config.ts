import { z } from "zod";
import { selectionShape, trainedShape } from "../shared/config.ts";

/** The only place where an option of `el2n`, its range and its default are written. */
export const el2nConfigSchema = z.strictObject({
  ...selectionShape,
  ...trainedShape,
  networks: z.int().min(1).default(10).describe("networks whose scores are averaged"),
  order: z
    .enum(["easy", "hard"])
    .default("hard")
    .describe("lowest or highest scores first; hard images serve large shares, easy ones few images a class"),
});
/** Complete. @see el2nConfigSchema */
export type El2nConfig = z.output<typeof el2nConfigSchema>;
