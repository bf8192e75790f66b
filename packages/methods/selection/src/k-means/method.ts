import { foldIn, kMeansMembers } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { chooseByClass, selectionMethod } from "../shared/selection-method.ts";
import { networkPart, passMultiplyAdds, trainedParameters } from "../shared/trained-networks.ts";
import { kMeansConfigSchema } from "./config.ts";

/**
 * The real images nearest to the centres of k-means, k = ipc, in the embedding of a network trained on the real set, class by class.
 *
 * @see kMeansMembers
 */
export const kMeans = selectionMethod({
  id: "k-means",
  title: "k-means centres",
  cite: `@inproceedings{arthur2007kmeans,
  title     = {k-means++: The Advantages of Careful Seeding},
  author    = {Arthur, David and Vassilvitskii, Sergei},
  booktitle = {ACM-SIAM Symposium on Discrete Algorithms},
  year      = {2007}
}`,
  configSchema: kMeansConfigSchema,
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
  choose(context, config) {
    const network = context.network(config.network);
    return tf.tidy(() => {
      const theta = tf.tensor1d(trainedParameters(context));
      return chooseByClass(context, (members, label) => ({
        positions: kMeansMembers(
          context.real,
          members,
          config.ipc,
          foldIn(foldIn(context.key, "k-means"), label),
          (images) => network.apply(theta, images).embedding,
        ),
        criterion: 0,
      })) as unknown as tf.TensorContainer;
    }) as unknown as ReturnType<typeof chooseByClass>;
  },
});
