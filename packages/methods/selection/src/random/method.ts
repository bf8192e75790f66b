import { randomPositions, selectionMethod } from "../shared/selection-method.ts";
import { randomConfigSchema } from "./config.ts";

/** Real images drawn at random without replacement: the baseline that every set must beat. */
export const random = selectionMethod({
  id: "random",
  title: "Random real images",
  cite: "@misc{random, title = {Random real images}}",
  configSchema: randomConfigSchema,
  presets: {
    sample: { status: "sample", source: "nothing to choose", dataset: "any", config: { ipc: 1 } },
  },
  multiplyAdds: () => 0,
  choose: (context, { ipc }) => ({ positions: randomPositions(context, ipc), criterion: 0 }),
});
