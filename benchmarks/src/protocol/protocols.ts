import { ConfigError, halfwayDrop } from "@limbeck/core";
import { protocolId, protocolSchema, withEpochs, type Protocol } from "./protocol.ts";

/** Every group of the published DSA strategy; digits leave out the flip. */
const DSA = "color_crop_cutout_flip_scale_rotate";

interface Nominal {
  readonly name: string;
  /** As papers give it: E + 1 passes are made. */
  readonly epochs: number;
  readonly batchSize: number;
  readonly augmentation: string;
  readonly source: string;
}

/** SGD 0.01, momentum 0.9, decay 5e-4, ×0.1 after half with a new optimiser: what the matching family shares. */
function matchingProtocol({ name, epochs, batchSize, augmentation, source }: Nominal): Protocol {
  const { epochs: passes, at } = halfwayDrop(epochs);
  return protocolSchema.parse({
    name,
    version: 1,
    source,
    recipe: {
      learningRate: 0.01,
      momentum: 0.9,
      weightDecay: 5e-4,
      epochs: passes,
      batchSize,
      schedule: { kind: "steps", at: [...at], factor: 0.1 },
      resetAtSteps: true,
      augmentation,
    },
    flip: "where-mirror-invariant",
    selection: "last",
  });
}

const dsaProtocol = matchingProtocol({
  name: "dsa",
  epochs: 1000,
  batchSize: 256,
  augmentation: DSA,
  source: "Zhao and Bilen 2021; VICO-UoE/DatasetCondensation, utils.py",
});

/**
 * IDC's: SGD 0.01, momentum 0.9, decay 5e-4, 1000 epochs of batches of 64, ×0.2 after two thirds and five sixths; colour and a flip
 * for every image and one of crop, scale and rotation; CutMix on half of the batches or none.
 */
function idcProtocol(name: string, cutmix: boolean): Protocol {
  return protocolSchema.parse({
    name,
    version: 1,
    source: "Kim et al. 2022; snu-mllab/Efficient-Dataset-Condensation, test.py, train.py and argument.py",
    recipe: {
      learningRate: 0.01,
      momentum: 0.9,
      weightDecay: 5e-4,
      epochs: 1000,
      batchSize: 64,
      schedule: { kind: "steps", at: [666, 833], factor: 0.2 },
      augmentation: "flip+color+crop_scale_rotate",
      ...(cutmix && { mixing: { kind: "cutmix", alpha: 1, probability: 0.5 } }),
    },
    flip: "where-mirror-invariant",
    selection: "last",
  });
}

/** Those of trajectory matching: DSA's with the learned step size. */
function trajectoryProtocol(name: string, batchSize: number, source: string): Protocol {
  return {
    ...matchingProtocol({ name, epochs: 1000, batchSize, augmentation: DSA, source }),
    stepSize: "learned",
  };
}

/**
 * NCFM's, for sets that decode: AdamW, the rate halved at each fifth, CutMix on half of the batches.
 *
 * Differs: one of shift, scale and rotation is chosen for a batch, not for each image; the last epoch counts, where the released
 * code averages the best tests on the test split.
 */
const ncfmProtocol = protocolSchema.parse({
  name: "ncfm",
  version: 1,
  source:
    "Wang et al. 2025; gszfwsb/NCFM, condenser/evaluate.py and config (Tiny ImageNet: 300 and 40 epochs for IPC 10 and 50)",
  recipe: {
    optimiser: "adamw",
    learningRate: 1e-3,
    weightDecay: 0.01,
    epochs: 2000,
    batchSize: 128,
    schedule: { kind: "steps", at: [400, 800, 1200, 1600], factor: 0.5 },
    augmentation: "flip+color+crop_scale_rotate",
    mixing: { kind: "cutmix", probability: 0.5 },
  },
  flip: "where-mirror-invariant",
  selection: "last",
});

/** SRe2L's for CIFAR: AdamW, cosine, crops, flips and MixUp, the teacher's scores at temperature 30, without its square. */
const sre2lProtocol = protocolSchema.parse({
  name: "sre2l",
  version: 1,
  source: "Yin, Xing and Shen 2023; VILA-Lab/SRe2L, *small_dataset/relabel_cifar.py",
  recipe: {
    optimiser: "adamw",
    learningRate: 1e-3,
    weightDecay: 0.01,
    epochs: 400,
    batchSize: 128,
    schedule: { kind: "cosine" },
    augmentation: "crop-flip",
    mixing: { kind: "mixup", alpha: 0.8 },
    loss: { kind: "cross-entropy", temperature: 30 },
  },
  flip: "where-mirror-invariant",
  selection: "last",
});

/**
 * RDED's for CIFAR: flips and CutMix (its crops of scale 1/factor to 1 are the whole image at factor 1), temperature 20, half a cosine.
 * Batches of 50 at IPC 10 (`rded`), of 100 at IPC 50 (`rded-large`).
 *
 * Differs: the last epoch counts, not the best on the test split; weights, biases and scales all decay.
 */
function rdedProtocol(name: string, batchSize: number): Protocol {
  return protocolSchema.parse({
    name,
    version: 1,
    source: "Sun et al. 2024; LINs-lab/RDED, validation/main.py and argument.py",
    recipe: {
      optimiser: "adamw",
      learningRate: 1e-3,
      weightDecay: 0.01,
      epochs: 300,
      batchSize,
      schedule: { kind: "cosine", smoothing: 2 },
      augmentation: "flip",
      mixing: { kind: "cutmix" },
      loss: { kind: "cross-entropy", temperature: 20 },
    },
    flip: "where-mirror-invariant",
    selection: "last",
  });
}

/**
 * The same for a set's classes in place of a teacher's scores, called `NAME-hard`: temperature 1, for a soft-max at 20 or 30 cannot say
 * "this class and no other".
 */
function forClasses(protocol: Protocol): Protocol {
  return protocolSchema.parse({
    ...protocol,
    name: `${protocol.name}-hard`,
    recipe: { ...protocol.recipe, loss: { kind: "cross-entropy" } },
  });
}

/**
 * The protocol for a set's classes that stands beside one for a teacher's scores: `sre2l-hard-e100-v1` beside `sre2l-e100-v1`. A protocol
 * that has none beside it is for classes itself.
 */
export function protocolForClasses(protocol: Protocol): Protocol {
  const [, name, rest] = /^(.+?)((?:-e\d+)?-v\d+)$/.exec(protocolId(protocol))!;
  const isListed = Object.keys(protocols).some((id) => id.startsWith(`${name}-hard-v`));
  return isListed && protocol.labels === undefined ? protocolNamed(`${name}-hard${rest}`) : protocol;
}

/**
 * One protocol for all sets: the same augmentation, the same passes over stored images, the same search. Learning rate and epochs are
 * chosen for each set on held-out training images; SGD with momentum, decay 5e-4, one cosine. `plain` leaves out the augmentation; `hard` and
 * `soft` replace a set's labels, so that images can be told from labels.
 *
 * The held-out images are real training images, which a distillation has seen: they choose among ten recipes and nothing else.
 */
function neutralProtocol(
  name: string,
  choice: { readonly augmentation?: string; readonly labels?: object },
): Protocol {
  return protocolSchema.parse({
    name,
    version: 1,
    source: "ours; labels and search as asked for by DD-Ranking (arXiv 2505.13300)",
    recipe: {
      learningRate: 0.01,
      momentum: 0.9,
      weightDecay: 5e-4,
      epochs: 1000,
      batchSize: 256,
      schedule: { kind: "cosine" },
      augmentation: choice.augmentation ?? DSA,
    },
    flip: "where-mirror-invariant",
    ...(choice.labels === undefined ? {} : { labels: choice.labels }),
    budget: "stored-images",
    tune: { learningRates: [0.001, 0.005, 0.01, 0.05, 0.1], epochShares: [0.3, 1], validation: 0.05 },
    selection: "last",
  });
}

/** A ConvNet-3 that has seen the real training images ten times. */
const NEUTRAL_TEACHER = {
  kind: "teacher",
  network: "convnet3",
  seed: 0,
  recipe: {
    learningRate: 0.02,
    momentum: 0.9,
    weightDecay: 5e-4,
    epochs: 10,
    batchSize: 128,
    schedule: { kind: "cosine" },
    augmentation: "crop",
  },
} as const;

/**
 * The published protocols of the matching family and of the decoupled one (labels of a teacher), and the neutral ones, by id.
 *
 * `dc-mnist` is DC's own for MNIST: 1000 epochs under one of shift, scale and rotation for each image. `idc-unmixed` is IDC's for MNIST
 * with a factor above 1.
 *
 * Differs: DataDAM's code reports its best checkpoint on the test split; here the last epoch counts.
 */
export const protocols: Readonly<Record<string, Protocol>> = Object.fromEntries(
  [
    matchingProtocol({
      name: "dc",
      epochs: 300,
      batchSize: 256,
      augmentation: "none",
      source: "Zhao, Mopuri and Bilen 2021; VICO-UoE/DatasetCondensation, utils.py",
    }),
    matchingProtocol({
      name: "dc-mnist",
      epochs: 1000,
      batchSize: 256,
      augmentation: "dc-crop-scale-rotate",
      source: "Zhao, Mopuri and Bilen 2021; VICO-UoE/DatasetCondensation, utils.py, get_daparam",
    }),
    dsaProtocol,
    idcProtocol("idc", true),
    idcProtocol("idc-unmixed", false),
    matchingProtocol({
      name: "datadam",
      epochs: 1800,
      batchSize: 64,
      augmentation: DSA,
      source: "Sajedi et al. 2023; DataDistillation/DataDAM, main_DataDAM.py and utils.py",
    }),
    trajectoryProtocol(
      "mtt",
      256,
      "Cazenavette et al. 2022; GeorgeCazenavette/mtt-distillation, utils.py (TESLA's and FTD's too)",
    ),
    trajectoryProtocol("datm", 128, "Guo et al. 2024; NUS-HPC-AI-Lab/DATM, utils/utils_baseline.py"),
    ncfmProtocol,
    neutralProtocol("neutral", {}),
    neutralProtocol("neutral-hard", { labels: { kind: "hard" } }),
    neutralProtocol("neutral-soft", { labels: NEUTRAL_TEACHER }),
    neutralProtocol("neutral-plain", { augmentation: "none" }),
    neutralProtocol("neutral-soft-plain", { augmentation: "none", labels: NEUTRAL_TEACHER }),
    sre2lProtocol,
    rdedProtocol("rded", 50),
    rdedProtocol("rded-large", 100),
    ...[sre2lProtocol, rdedProtocol("rded", 50), rdedProtocol("rded-large", 100)].map(forClasses),
    {
      ...withEpochs(dsaProtocol, 200),
      name: "start",
      source: "dsa-v1 with 200 epochs: ends within the minutes of a demonstration",
    },
  ].map((protocol) => [protocolId(protocol), protocol]),
);

/**
 * The protocol called `id`: one of {@link protocols}, or one of them with other epochs, spelt `dsa-e300-v1`.
 *
 * @throws {ConfigError} on an unknown id, naming the known ones.
 */
export function protocolNamed(id: string): Protocol {
  if (Object.hasOwn(protocols, id)) return protocols[id]!;
  const [, name, epochs, version] = /^([a-z][a-z0-9-]*)-e([1-9]\d{0,5})-v(\d+)$/.exec(id) ?? [];
  const base = `${name}-v${version}`;
  if (Object.hasOwn(protocols, base)) return withEpochs(protocols[base]!, Number(epochs));
  throw new ConfigError(
    `protocol: unknown "${id}"; known: ${Object.keys(protocols).join(", ")}, or with other epochs such as dsa-e300-v1`,
  );
}
