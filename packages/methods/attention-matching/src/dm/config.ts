import { z } from "zod";
import { matchingConfigShape } from "../shared/config.ts";

/** Configuration of DM: what the family shares and nothing more. */
export const dmConfigSchema = z.strictObject({
  ...matchingConfigShape,
  iterations: matchingConfigShape.iterations.default(20_000),
});
export type DmConfigInput = z.input<typeof dmConfigSchema>;
export type DmConfig = z.output<typeof dmConfigSchema>;
