import { z } from "zod";
import { selectionShape, trainedShape } from "../shared/config.ts";

/** The only place where an option of `k-means`, its range and its default are written. */
export const kMeansConfigSchema = z.strictObject({ ...selectionShape, ...trainedShape });
