import { foldIn, integers } from "@limbeck/core";
import { chooseByClass, selectionMethod } from "../shared/selection-method.ts";
import { networkPart, networkRows, passMultiplyAdds, trainedParameters } from "../shared/trained-networks.ts";
import { kCenterConfigSchema } from "./config.ts";
import { kCenterGreedy } from "./k-center-greedy.ts";

/**
 * Real images that cover their class: in the embedding of a network trained on the real set, no image is far from a chosen one.
 *
 * The logged criterion is the covering radius, averaged over classes.
 *
 * @see Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach" (ICLR 2018), algorithm 1.
 * Differs: class by class, from a random first image, so that sets are balanced.
 */
export const kCenter = selectionMethod({
  id: "k-center",
  title: "k-center greedy",
  cite: `@inproceedings{sener2018coreset,
  title     = {Active Learning for Convolutional Neural Networks: A Core-Set Approach},
  author    = {Sener, Ozan and Savarese, Silvio},
  booktitle = {International Conference on Learning Representations},
  year      = {2018}
}`,
  configSchema: kCenterConfigSchema,
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
    return chooseByClass(context, (members, label) => {
      const rows = networkRows(context, network, theta, members, "embedding");
      const [first] = integers(foldIn(foldIn(context.key, "first"), label), 1, 0, members.length);
      const { chosen, radius } = kCenterGreedy(rows, ipc, first!);
      return { positions: chosen.map((i) => members[i]!), criterion: radius };
    });
  },
});
