import { z } from "zod";
import { selectionShape } from "../shared/config.ts";

/** The only place where an option of `random`, its range and its default are written. */
export const randomConfigSchema = z.strictObject(selectionShape);
