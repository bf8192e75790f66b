import { createRunContext, disposeState, foldIn, resolveConfig, stateTensors } from "@limbeck/core";
import { methodNamed } from "../method-named.ts";
import { CLASSES, REAL_PER_CLASS, SYNTHETIC_PER_CLASS } from "./fixed-inputs.ts";
import type { Workload } from "./measure.ts";
import { randomDataset } from "./random-dataset.ts";

/** Images a class: more than a real batch. */
const PER_CLASS = 2 * REAL_PER_CLASS;
const SIDE = 32;

const matching = {
  ipc: SYNTHETIC_PER_CLASS,
  realBatch: REAL_PER_CLASS,
  network: "convnet3",
  augmentation: "none",
} as const;
/** One update of the images, then one epoch of the network on them. */
const gradientMatching = { ...matching, outerSteps: 10, innerEpochs: 1 } as const;

/** What is timed of each method; the peer has the same numbers. */
const SETTINGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  dc: gradientMatching,
  dsa: { ...gradientMatching, augmentation: "color_crop_cutout_flip_scale_rotate" },
  dm: matching,
  datadam: { ...matching, attentionPower: 4 },
  atom: { ...matching, attentionPower: 4, channelPower: 4 },
  idc: {
    ...matching,
    factor: 2,
    trainingImages: 512,
    trainingBatch: 128,
    trainingAugmentation: "none",
    mixProbability: 0,
  },
  idm: { ...matching, factor: 2, trainingSteps: 1 },
  ncfm: { ...matching, factor: 2, poolNetworks: 1 },
};

/** One iteration of every attention-matching method as the method itself does it, on random images, 32×32×3. */
export const methodIterations: readonly Workload[] = Object.keys(SETTINGS).map((id) => ({
  name: `${id}-iteration`,
  unit: `one iteration of ${id}: ${CLASSES} classes × (${REAL_PER_CLASS} real + ${SYNTHETIC_PER_CLASS} stored)`,
  multiplyAdds: () => setUp(id).forecast.multiplyAddsPerStep,
  prepare() {
    const { method, context, config } = setUp(id);
    const start = method.init(context, config);
    return {
      async run() {
        const { state, loss } = method.step(context, start, config, 0);
        await Promise.all(stateTensors(state).map(({ tensor }) => tensor.data()));
        disposeState(state, start);
        return loss;
      },
      dispose: () => disposeState(start),
    };
  },
}));

function setUp(id: string) {
  const method = methodNamed(id);
  const run = createRunContext(randomDataset({ classes: CLASSES, perClass: PER_CLASS, side: SIDE }), 0);
  const config = resolveConfig(method, { config: SETTINGS[id]! });
  const network = run.network("convnet3");
  // NCFM's pool: networks as they are before training cost as much.
  const ends = ["initial", "trained"].map((name) => {
    const theta = network.init(foldIn(run.key, name));
    const data = theta.dataSync<"float32">().slice();
    theta.dispose();
    return [name, { data, shape: [data.length] }] as const;
  });
  const context = { ...run, prepared: () => Object.fromEntries(ends) };
  return { method, context, config, forecast: method.forecast(context, config) };
}
