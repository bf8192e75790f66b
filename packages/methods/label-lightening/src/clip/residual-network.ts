import {
  convLayer,
  defineNetwork,
  linearLayer,
  multiHeadAttention,
  tokenLayer,
  type ForwardPass,
  type ImageLayer,
  type ImageShape,
  type Network,
  type NetworkPlan,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { ClipResidualSizes } from "./clip-model.ts";
import { unitRows } from "./vision-network.ts";

/** Widening of a bottleneck. */
const EXPANSION = 4;

/**
 * CLIP's residual network with a linear head: a stem of three convolutions, bottlenecks whose strides are average poolings, and a pooling by
 * attention from the mean of all positions. Batch normalisation works with the fixed statistics of the file. Its embedding is the unit
 * feature vector times the published scale.
 *
 * @param scale exp of the published `logit_scale`.
 * @see Radford et al., "Learning transferable visual models from natural language supervision" (ICML 2021), section 2.4.
 */
export function residualNetwork(sizes: ClipResidualSizes, classes: number, scale: number): Network {
  const { image, visionWidth: width, stages, visionHeads: heads, features } = sizes;
  const inputShape: ImageShape = [image, image, 3];
  return defineNetwork(sizes.name, { inputShape, classes }, (plan) => {
    const layers: ImageLayer[] = [];
    const shape = (): ImageShape => layers.at(-1)?.outputShape ?? inputShape;
    const stem = {
      kernel: 3,
      pad: 1,
      bias: false,
      norm: "batch",
      activation: "relu",
      isBlock: false,
    } as const;
    layers.push(convLayer(plan, "stem1", shape(), { ...stem, filters: width / 2, stride: 2 }));
    layers.push(convLayer(plan, "stem2", shape(), { ...stem, filters: width / 2 }));
    layers.push(convLayer(plan, "stem3", shape(), { ...stem, filters: width, pooling: "avg" }));
    for (const [stage, count] of stages.entries()) {
      for (let block = 0; block < count; block++) {
        const shrinks = stage > 0 && block === 0;
        const name = `stage${stage + 1}/block${block}`;
        layers.push(bottleneck(plan, name, shape(), width << stage, shrinks));
      }
    }
    const [rows, columns, channels] = shape();
    const pool = attentionPool(plan, rows * columns, channels, heads, features);
    const head = linearLayer(plan, "head", features, classes);
    return (pass, images) => {
      const maps = layers.reduce((x, layer) => layer.forward(pass, x), images);
      const embedding: tf.Tensor2D = tf.mul(unitRows(pool(pass, maps)), scale);
      return { embedding, logits: head(pass, embedding) };
    };
  });
}

function bottleneck(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  planes: number,
  shrinks: boolean,
): ImageLayer {
  const shared = { bias: false, norm: "batch", isBlock: false } as const;
  const point = { ...shared, kernel: 1, pad: 0 } as const;
  const pooling = shrinks ? "avg" : "none";
  const first = convLayer(plan, `${name}/conv1`, input, { ...point, filters: planes, activation: "relu" });
  const second = convLayer(plan, `${name}/conv2`, first.outputShape, {
    ...shared,
    filters: planes,
    kernel: 3,
    pad: 1,
    activation: "relu",
    pooling,
  });
  const filters = EXPANSION * planes;
  const third = convLayer(plan, `${name}/conv3`, second.outputShape, {
    ...point,
    filters,
    activation: "identity",
  });
  const [h, w, c] = input;
  const sideInput: ImageShape = shrinks ? [h >> 1, w >> 1, c] : input;
  const side =
    shrinks || c !== filters
      ? convLayer(plan, `${name}/shortcut`, sideInput, { ...point, filters, activation: "identity" })
      : undefined;
  return {
    outputShape: third.outputShape,
    forward(pass, x) {
      const main = third.forward(pass, second.forward(pass, first.forward(pass, x)));
      const pooled = shrinks ? tf.avgPool(x, 2, 2, "valid") : x;
      return tf.relu(tf.add<tf.Tensor4D>(main, side === undefined ? x : side.forward(pass, pooled)));
    },
  };
}

/** Attention whose one query is the mean of all positions. */
function attentionPool(
  plan: NetworkPlan,
  positions: number,
  width: number,
  heads: number,
  features: number,
): (pass: ForwardPass, maps: tf.Tensor4D) => tf.Tensor2D {
  const places = plan.embedding("pool/positions", [positions + 1, width]);
  const [query, key, value] = ["query", "key", "value"].map((part, i) =>
    tokenLayer(plan, `pool/${part}`, width, width, i === 0 ? 1 : positions + 1),
  );
  const out = linearLayer(plan, "pool/out", width, features);
  return (pass, maps) => {
    const n = maps.shape[0];
    const tokens = tf.reshape(maps, [n, positions, width]) as tf.Tensor3D;
    const all: tf.Tensor3D = tf.add(tf.concat([tf.mean(tokens, 1, true), tokens], 1), places(pass));
    const first = tf.slice(all, [0, 0, 0], [n, 1, width]);
    const mixed = multiHeadAttention(query!(pass, first), key!(pass, all), value!(pass, all), heads);
    return out(pass, tf.reshape(mixed, [n, width]));
  };
}
