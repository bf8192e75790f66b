import { z } from "zod";
import { selectionShape, trainedShape } from "../shared/config.ts";

/** The only place where an option of `k-center`, its range and its default are written. */
export const kCenterConfigSchema = z.strictObject({ ...selectionShape, ...trainedShape });
