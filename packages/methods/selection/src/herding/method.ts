import { chooseByClass, selectionMethod } from "../shared/selection-method.ts";
import { networkPart, networkRows, passMultiplyAdds, trainedParameters } from "../shared/trained-networks.ts";
import { herdingConfigSchema } from "./config.ts";
import { herd, meanDistance } from "./herd.ts";

/**
 * Real images whose mean embedding under a network trained on the real set follows that of their class.
 *
 * The logged criterion is the squared distance of the two means, averaged over classes.
 *
 * @see Welling, "Herding dynamical weights to learn" (ICML 2009).
 */
export const herding = selectionMethod({
  id: "herding",
  title: "Herding",
  cite: `@inproceedings{welling2009herding,
  title     = {Herding Dynamical Weights to Learn},
  author    = {Welling, Max},
  booktitle = {International Conference on Machine Learning},
  year      = {2009}
}`,
  configSchema: herdingConfigSchema,
  presets: {
    sample: {
      status: "sample",
      source: "a small network of one epoch",
      dataset: "any",
      config: { ipc: 1, network: "convnet3-w16", trainingEpochs: 1 },
    },
  },
  prepare: (context, config) => [networkPart(context, config)],
  multiplyAdds: passMultiplyAdds,
  choose(context, { ipc, network }) {
    const theta = trainedParameters(context);
    return chooseByClass(context, (members) => {
      const rows = networkRows(context, network, theta, members, "embedding");
      const chosen = herd(rows, ipc);
      return { positions: chosen.map((i) => members[i]!), criterion: meanDistance(rows, chosen) };
    });
  },
});
