import { normalisationDigest, type PreparedPart, type RunContext } from "@limbeck/core";
import { chooseByScore } from "../shared/by-score.ts";
import { selectionMethod } from "../shared/selection-method.ts";
import {
  networkPart,
  networkRows,
  networkSeed,
  passMultiplyAdds,
  selectionRecipe,
} from "../shared/trained-networks.ts";
import { el2nConfigSchema, type El2nConfig } from "./config.ts";
import { el2nScores } from "./el2n-scores.ts";

/**
 * The real images with the highest or lowest mean error norm early in training.
 *
 * The logged criterion is the mean score of the chosen.
 *
 * @see Paul, Ganguli and Dziugaite, "Deep learning on a data diet" (NeurIPS 2021): ten networks, ten epochs.
 * Differs: class by class, so that sets are balanced; ConvNets whose learning rate has come to its end after those epochs.
 */
export const el2n = selectionMethod({
  id: "el2n",
  title: "EL2N",
  cite: `@inproceedings{paul2021diet,
  title     = {Deep Learning on a Data Diet: Finding Important Examples Early in Training},
  author    = {Paul, Mansheej and Ganguli, Surya and Dziugaite, Gintare Karolina},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2021}
}`,
  configSchema: el2nConfigSchema,
  presets: {
    sample: {
      status: "sample",
      source: "two small networks of one epoch",
      dataset: "any",
      config: { ipc: 1, network: "convnet3-w16", trainingEpochs: 1, networks: 2, order: "easy" },
    },
  },
  prepare: (context, config) => [
    ...Array.from({ length: config.networks }, (_, i) => networkPart(context, config, i)),
    scoresPart(context, config),
  ],
  multiplyAdds: () => 0,
  choose: (context, { ipc, order }) =>
    chooseByScore(context, context.prepared!("scores")["scores"]!.data, ipc, order),
});

/** Mean scores of all training images: array `scores`, `[N]`. */
function scoresPart(context: RunContext, config: El2nConfig): PreparedPart {
  const { dataset } = context;
  const { network, networks } = config;
  return {
    name: "scores",
    identity: {
      kind: "el2n-scores",
      version: 1,
      dataset: { sha256: dataset.sha256, normalisation: normalisationDigest(dataset.normalisation) },
      network,
      networks,
      recipe: selectionRecipe(config, context),
      seed: networkSeed(context),
    },
    multiplyAdds: networks * passMultiplyAdds(context, config),
    bytes: 4 * dataset.train.size,
    async make(signal, prepared) {
      const { size, labels } = dataset.train;
      const all = Int32Array.from({ length: size }, (_, i) => i);
      const mean = new Float32Array(size);
      for (let i = 0; i < networks; i++) {
        signal.throwIfAborted();
        const theta = prepared(`network/${i}`)["trained"]!.data as Float32Array;
        const scores = el2nScores(networkRows(context, network, theta, all, "logits"), labels);
        scores.forEach((score, j) => (mean[j]! += score / networks));
      }
      return { scores: { shape: [size], data: mean } };
    },
  };
}
