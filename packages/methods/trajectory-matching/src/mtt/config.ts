import { z } from "zod";
import { trajectoryConfigShape } from "../shared/config.ts";

/** Configuration of MTT: what the family shares, as it is. */
export const mttConfigSchema = z.strictObject(trajectoryConfigShape);
export type MttConfigInput = z.input<typeof mttConfigSchema>;
export type MttConfig = z.output<typeof mttConfigSchema>;
