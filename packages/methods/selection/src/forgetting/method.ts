import {
  disposeTrained,
  foldIn,
  keyFromSeed,
  normalisationDigest,
  scheduleFactor,
  trainNetwork,
  type PreparedPart,
  type RunContext,
} from "@limbeck/core";
import { chooseByScore } from "../shared/by-score.ts";
import { selectionMethod } from "../shared/selection-method.ts";
import {
  networkRows,
  networkSeed,
  passMultiplyAdds,
  selectionRecipe,
  type Rows,
} from "../shared/trained-networks.ts";
import { forgettingConfigSchema, type ForgettingConfig } from "./config.ts";
import { forgettingCounts } from "./forgetting-counts.ts";

/**
 * The real images that a network in training forgets most or least often.
 *
 * The logged criterion is the mean count of the chosen.
 *
 * @see Toneva et al., "An empirical study of example forgetting during deep neural network learning" (ICLR 2019), algorithm 1.
 * Differs: all images are looked at after each epoch, not each image when its batch comes; momentum begins anew with each epoch; class
 * by class, so that sets are balanced; among equals the first in the training split.
 */
export const forgetting = selectionMethod({
  id: "forgetting",
  title: "Forgetting events",
  cite: `@inproceedings{toneva2019forgetting,
  title     = {An Empirical Study of Example Forgetting during Deep Neural Network Learning},
  author    = {Toneva, Mariya and Sordoni, Alessandro and Tachet des Combes, Remi and Trischler, Adam and Bengio, Yoshua and Gordon, Geoffrey J.},
  booktitle = {International Conference on Learning Representations},
  year      = {2019}
}`,
  configSchema: forgettingConfigSchema,
  presets: {
    sample: {
      status: "sample",
      source: "a small network of three epochs",
      dataset: "any",
      config: { ipc: 1, network: "convnet3-w16", trainingEpochs: 3, order: "easy" },
    },
  },
  prepare: (context, config) => [countsPart(context, config)],
  multiplyAdds: () => 0,
  choose: (context, { ipc, order }) =>
    chooseByScore(context, context.prepared!("counts")["counts"]!.data, ipc, order),
});

/** Forgetting counts of all training images: array `counts`, `[N]`. */
function countsPart(context: RunContext, config: ForgettingConfig): PreparedPart {
  const { dataset, real } = context;
  const { size, labels } = dataset.train;
  const network = context.network(config.network);
  const recipe = selectionRecipe(config, context);
  const seed = networkSeed(context);
  return {
    name: "counts",
    identity: {
      kind: "forgetting-counts",
      version: 1,
      dataset: { sha256: dataset.sha256, normalisation: normalisationDigest(dataset.normalisation) },
      network: network.name,
      recipe,
      seed,
    },
    multiplyAdds: 4 * recipe.epochs * passMultiplyAdds(context, config),
    bytes: 4 * size,
    async make(signal) {
      const key = foldIn(keyFromSeed(seed), "forgetting");
      const all = Int32Array.from({ length: size }, (_, i) => i);
      const right: boolean[][] = [];
      let theta = network.init(foldIn(key, "init"));
      try {
        for (let epoch = 0; epoch < recipe.epochs; epoch++) {
          const factor = scheduleFactor(recipe.schedule, epoch, recipe.epochs);
          const trained = await trainNetwork({
            network,
            data: { images: real, labels },
            recipe: {
              ...recipe,
              epochs: 1,
              learningRate: recipe.learningRate * factor,
              schedule: { kind: "constant" },
            },
            key: foldIn(key, epoch),
            theta,
            signal,
          });
          disposeTrained({ theta });
          theta = trained.theta;
          const rows = networkRows(
            context,
            config.network,
            Float32Array.from(await theta.data()),
            all,
            "logits",
          );
          right.push(rightOnes(rows, labels));
        }
      } finally {
        theta.dispose();
      }
      return { counts: { shape: [size], data: forgettingCounts(right) } };
    },
  };
}

function rightOnes({ values, width }: Rows, labels: Int32Array): boolean[] {
  return Array.from(labels, (label, i) => {
    const row = values.subarray(i * width, (i + 1) * width);
    return row[label] === Math.max(...row);
  });
}
