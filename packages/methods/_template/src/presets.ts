import type { Preset } from "@limbeck/core";
import type { MeanEmbeddingConfigInput } from "./config.ts";

/** Named configurations. `reported`: copied from the paper; `reproduced`: a record here shows it; `sample`: for trying out. */
export const meanEmbeddingPresets = {
  sample: {
    status: "sample",
    source: "runs in seconds",
    dataset: "any",
    config: { ipc: 1, network: "convnet3-w16", realBatch: 16, iterations: 20 },
  },
} as const satisfies Record<string, Preset<MeanEmbeddingConfigInput>>;
