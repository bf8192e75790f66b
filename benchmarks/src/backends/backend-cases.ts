import {
  createNetwork,
  createRunContext,
  disposeState,
  foldIn,
  gradientAlong,
  keyFromSeed,
  normal,
  prepareContext,
  resolveConfig,
  softmaxCrossEntropy,
  type DistillationMethod,
  type MethodState,
  type PartStore,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { methods } from "../methods.gen.ts";
import { randomDataset } from "../perf/random-dataset.ts";

/** What every back end computes and is compared with `cpu`. */
export interface BackendCase {
  readonly name: string;
  readonly kind: CaseKind;
  /** In the back end in force; leaves no tensor. Parts that methods prepare are in `store`, the same for all back ends. */
  run(store: PartStore): Promise<CaseValues>;
}

export type CaseKind = "first" | "second" | "step";

/** Results of a case: each array is compared by itself, and the largest error counts. */
export interface CaseValues {
  readonly values: readonly Float32Array[];
  /** What `values` were before the step, where their change is what is compared. */
  readonly before?: readonly Float32Array[];
}

/**
 * Largest relative error that float32 allows. Derivatives are sums of a few thousand products in another order, through
 * normalisations that divide by small deviations: two or three digits beyond float32's seven, one more for the second.
 * A step also passes through square roots, quotients and an optimiser.
 */
export const TOLERANCES: Readonly<Record<CaseKind, number>> = { first: 1e-4, second: 1e-3, step: 1e-3 };

/**
 * One small member of nearly every family of the zoo, the options that have passes of their own, and the side of its images. Left out are
 * networks so badly conditioned at this size that a rounding turns a ReLU on or off behind a normalisation over a few numbers:
 * `resnet50-w4` with instance normalisation and `mobilenetv2-w4` differ by up to percents between any two back ends, seed by seed.
 */
const NETWORKS: readonly (readonly [name: string, side: number])[] = [
  ["convnet3-w8", 16],
  ["convnet3-w8-batch", 16],
  ["convnet3-w8-group", 16],
  ["convnet3-w8-nonorm-maxpool", 16],
  ["mlp-w16", 16],
  ["lenet", 16],
  ["alexnet-w8", 16],
  ["vgg11-w4", 32],
  ["resnet18-w4", 16],
  ["resnet18-ap-w4", 16],
  ["resnet50-w4-group", 16],
  ["resnet20-w4", 16],
  ["shufflenetv2-w8", 16],
  ["vit2-w16", 16],
];
const IMAGES = 3;
const CLASSES = 3;

/** What the quick version keeps: one of every kind of derivative. */
const QUICK = new Set(["convnet3-w8", "convnet3-w8-batch", "resnet18-w4", "datadam", "dsa", "mtt", "sre2l"]);

/** Cases of the table, cheapest first; `quick` gives about a quarter of them. */
export function backendCases(quick: boolean): BackendCase[] {
  const wanted = (name: string): boolean => !quick || QUICK.has(name);
  return [
    ...NETWORKS.filter(([name]) => wanted(name)).flatMap(([name, side]) => derivativeCases(name, side)),
    ...methods.filter(({ id }) => wanted(id)).map(stepCase),
  ];
}

/** Gradient of the cross-entropy, and of its gradient along a fixed direction, in the parameters and the images. */
function derivativeCases(name: string, side: number): BackendCase[] {
  const inputs = (): Inputs => {
    const network = createNetwork(name, { inputShape: [side, side, 3], classes: CLASSES });
    const key = foldIn(keyFromSeed("back ends"), name);
    const theta = network.init(foldIn(key, "theta"));
    const images = tf.tensor4d(normal(foldIn(key, "images"), IMAGES * side * side * 3), [
      IMAGES,
      side,
      side,
      3,
    ]);
    const labels = tf.oneHot(tf.tensor1d([0, 1, 2], "int32"), CLASSES, 1, 0, "float32") as tf.Tensor2D;
    const direction = tf.tensor1d(normal(foldIn(key, "direction"), network.parameterCount));
    const loss = (at: tf.Tensor1D, x: tf.Tensor4D, y: tf.Tensor2D): tf.Scalar =>
      softmaxCrossEntropy(network.apply(at, x).logits, y);
    return { theta, images, labels, direction, loss };
  };
  const first = (): tf.Tensor[] => {
    const { theta, images, labels, loss } = inputs();
    return tf.grads((at, x) => loss(at as tf.Tensor1D, x as tf.Tensor4D, labels))([theta, images]);
  };
  const second = (): tf.Tensor[] => {
    const { theta, images, labels, direction, loss } = inputs();
    const along = gradientAlong(loss, theta, images, labels, direction);
    return [along.theta, along.images];
  };
  return [
    { name, kind: "first", run: () => valuesOf(first) },
    { name, kind: "second", run: () => valuesOf(second) },
  ];
}

interface Inputs {
  readonly theta: tf.Tensor1D;
  readonly images: tf.Tensor4D;
  readonly labels: tf.Tensor2D;
  readonly direction: tf.Tensor1D;
  readonly loss: (theta: tf.Tensor1D, images: tf.Tensor4D, labels: tf.Tensor2D) => tf.Scalar;
}

async function valuesOf(compute: () => tf.Tensor[]): Promise<CaseValues> {
  const tensors = tf.tidy(compute);
  try {
    const values = await Promise.all(tensors.map((tensor) => tensor.data<"float32">()));
    return { values: values.map((each) => Float32Array.from(each)) };
  } finally {
    tf.dispose(tensors);
  }
}

/** What the sample presets say in numbers that plain JavaScript takes minutes for; keys that a preset lacks are left out. */
const SMALL: Readonly<Record<string, unknown>> = {
  network: "convnet2-w8",
  realBatch: 6,
  trainingImages: 12,
  trainingBatch: 6,
  statisticsImages: 18,
  classImages: 6,
  candidates: 12,
  expertBatch: 12,
  frequencies: 32,
};
/** Nothing can be learnt from images drawn at random; and IDC's step, which is made for larger images, moves them beyond the last bits. */
const OF_METHODS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  datm: { correctOnly: false },
  idc: { baseLearningRate: 5 },
};
const SMALL_TEACHER = "convnet2-w8-batch";
const PER_CLASS = 6;
const METHOD_SIDE = 8;

/** One step of a method as its sample preset has it, on 18 images drawn at random. */
function stepCase(method: DistillationMethod): BackendCase {
  return {
    name: method.id,
    kind: "step",
    async run(store) {
      const dataset = randomDataset({ classes: CLASSES, perClass: PER_CLASS, side: METHOD_SIDE });
      const config = resolveConfig(method, { config: smallConfig(method) });
      const context = await prepareContext(method, createRunContext(dataset, 0), config, {
        store,
        // One address for all back ends: they start from the same networks.
        environment: { backend: "cpu", precision: "highest", threads: 1 },
      });
      const start = method.init(context, config);
      const images = (state: MethodState): Float32Array =>
        Float32Array.from(method.result(context, state, config).images);
      const before = images(start);
      const { state } = method.step(context, start, config, 0);
      try {
        return { values: [images(state)], before: [before] };
      } finally {
        disposeState(start, state);
        disposeState(state);
      }
    },
  };
}

function smallConfig({ id, presets }: DistillationMethod): Record<string, unknown> {
  const sample = presets["sample"]!.config as Readonly<Record<string, unknown>>;
  const small = Object.entries(sample).map(([key, value]): [string, unknown] => {
    if (key === "teacher") return [key, { ...(value as object), network: SMALL_TEACHER }];
    if (key === "teachers")
      return [key, (value as object[]).map((teacher) => ({ ...teacher, network: SMALL_TEACHER }))];
    return [key, SMALL[key] ?? value];
  });
  return { ...Object.fromEntries(small), ...OF_METHODS[id] };
}
