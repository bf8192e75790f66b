import { z } from "zod";
import { selectionShape, trainedShape } from "../shared/config.ts";

/** The only place where an option of `herding`, its range and its default are written. */
export const herdingConfigSchema = z.strictObject({ ...selectionShape, ...trainedShape });
