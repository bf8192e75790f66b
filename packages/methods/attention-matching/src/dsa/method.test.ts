import { createRunContext, disposeState, distill, useBackend } from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { accuracyOf } from "../shared/testing/accuracy-of.ts";
import { dsaConfigSchema } from "./config.ts";
import { dsa } from "./method.ts";

const small = {
  ipc: 1,
  iterations: 12,
  network: "convnet1-w4",
  realBatch: 6,
  outerSteps: 2,
  innerEpochs: 1,
  imageLearningRate: 5,
  initialisation: "noise",
} as const;
const dataset = toyDataset({ classes: 2, shape: [6, 6, 1] });

testMethod(dsa, { config: { ...small, augmentation: "crop" }, dataset });

describe("dsa", () => {
  beforeAll(() => useBackend("cpu"));

  it("starts from real images, with the augmentation that the data allow", () => {
    const config = dsaConfigSchema.parse({ ipc: 1, network: "convnet1-w4" });
    expect(config.initialisation).toBe("real");
    const run = createRunContext(dataset, 0);
    const state = dsa.init(run, config);
    expect(dsa.result(run, state, config).augmentation).toBe("color_crop_cutout_flip_scale_rotate");
    disposeState(state);
  });

  it("learns under augmentation, with mirror images beside its own", async () => {
    const three = toyDataset({ classes: 3, shape: [6, 6, 1] });
    const config = dsaConfigSchema.parse({
      ...small,
      network: "convnet1-w8",
      iterations: 16,
      flipEmbedding: true,
      augmentation: "color_crop",
    });
    const run = createRunContext(three, 0);
    const start = dsa.init(run, config);
    const first = dsa.result(run, start, config);
    disposeState(start);
    const set = await distill(dsa, three, { config }).result;
    expect(await accuracyOf(set, three)).toBeGreaterThan((await accuracyOf(first, three)) + 15);
  });
});
