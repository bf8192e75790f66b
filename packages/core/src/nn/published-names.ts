import { ConfigError } from "../errors.ts";
import type { Network } from "./network.ts";

/** Modules of a published checkpoint that one layer of ours stands for: its weights, and its normalisation where it has one. */
export interface PublishedLayer {
  /** Names that the weights' module may have, the usual one first. */
  readonly weights: readonly string[];
  readonly norm?: string;
}

interface Naming {
  /** Networks of this naming, by plain name. */
  readonly networks: RegExp;
  /** Module names of a layer of ours. */
  readonly layer: (name: string) => PublishedLayer | undefined;
}

function plain(weights: string, norm: string): PublishedLayer {
  return { weights: [weights], norm };
}

/** `conv1`, `bn1`, `layer2.0.conv1`, `layer2.0.downsample.0`, `fc` (`linear` in checkpoints of CIFAR networks). */
function residualLayer(name: string): PublishedLayer | undefined {
  if (name === "stem") return plain("conv1", "bn1");
  if (name === "head") return { weights: ["fc", "linear"] };
  const [, stage, block, part] = /^stage(\d+)\/block(\d+)\/(\w+)$/.exec(name) ?? [];
  if (part === undefined) return undefined;
  const place = `layer${stage}.${Number(block) - 1}`;
  if (part === "shortcut") return plain(`${place}.downsample.0`, `${place}.downsample.1`);
  return plain(`${place}.${part}`, `${place}.${part.replace("conv", "bn")}`);
}

/** `conv1`, `block1.layer.0.bn1`, `block1.layer.0.convShortcut`, `bn1`, `fc`. */
function wideLayer(name: string): PublishedLayer | undefined {
  if (name === "stem") return { weights: ["conv1"] };
  if (name === "last") return { weights: [], norm: "bn1" };
  if (name === "head") return { weights: ["fc"] };
  const [, stage, unit, part] = /^stage(\d)\/block(\d+)\/(\w+)$/.exec(name) ?? [];
  if (part === undefined) return undefined;
  const place = `block${stage}.layer.${Number(unit) - 1}`;
  if (part === "norm1") return { weights: [], norm: `${place}.bn1` };
  if (part === "conv1") return plain(`${place}.conv1`, `${place}.bn2`);
  return { weights: [`${place}.${part === "shortcut" ? "convShortcut" : part}`] };
}

/** `features.0.0`, `features.2.conv.1.0`, `features.18.0`, `classifier.1`. */
function mobileLayer(name: string): PublishedLayer | undefined {
  if (name === "stem") return plain("features.0.0", "features.0.1");
  if (name === "last") return plain("features.18.0", "features.18.1");
  if (name === "head") return { weights: ["classifier.1"] };
  const [, block, part] = /^block(\d+)\/(\w+)$/.exec(name) ?? [];
  if (part === undefined) return undefined;
  const place = `features.${block}.conv`;
  // The first block has no expansion: its parts move up.
  const shift = block === "1" ? -1 : 0;
  if (part === "expand") return plain(`${place}.0.0`, `${place}.0.1`);
  if (part === "spatial") return plain(`${place}.${1 + shift}.0`, `${place}.${1 + shift}.1`);
  return plain(`${place}.${2 + shift}`, `${place}.${3 + shift}`);
}

/** `conv1.0`, `stage2.0.branch1.0`, `stage2.0.branch2.3`, `conv5.0`, `fc`. */
function shuffleLayer(name: string): PublishedLayer | undefined {
  if (name === "stem") return plain("conv1.0", "conv1.1");
  if (name === "last") return plain("conv5.0", "conv5.1");
  if (name === "head") return { weights: ["fc"] };
  const [, stage, unit, branch, part] = /^stage(\d)\/unit(\d+)\/(\w+)\/(\w+)$/.exec(name) ?? [];
  if (part === undefined) return undefined;
  const place = `stage${stage}.${Number(unit) - 1}.branch${branch === "side" ? 1 : 2}`;
  const index = { spatial: branch === "side" ? 0 : 3, mix: 2, first: 0, last: 5 }[part];
  return index === undefined ? undefined : plain(`${place}.${index}`, `${place}.${index + 1}`);
}

/** `features.0`, `features.1` with four modules a block, `classifier`: the field's ConvNet. */
function convnetLayer(name: string): PublishedLayer | undefined {
  if (name === "head") return { weights: ["classifier"] };
  const [, block] = /^block(\d+)$/.exec(name) ?? [];
  if (block === undefined) return undefined;
  const first = 4 * (Number(block) - 1);
  return plain(`features.${first}`, `features.${first + 1}`);
}

const NAMINGS: readonly Naming[] = [
  { networks: /^resnet\d+(-imagenet)?(-|$)(?!ap)/, layer: residualLayer },
  { networks: /^wrn-/, layer: wideLayer },
  { networks: /^mobilenetv2(-|$)/, layer: mobileLayer },
  { networks: /^shufflenetv2(-|$)/, layer: shuffleLayer },
  { networks: /^convnet\d+(-|$)/, layer: convnetLayer },
];

/**
 * The modules of a published checkpoint, torchvision's naming, by layer of ours (`stem`, `stage1/block1/conv1`, `head`).
 *
 * @throws {ConfigError} if the network has no published naming.
 */
export function publishedNames(network: Network): (layer: string) => PublishedLayer {
  const naming = NAMINGS.find(({ networks }) => networks.test(network.name));
  if (naming === undefined) {
    throw new ConfigError(
      `${network.name}: no published checkpoint naming is known for it; choose a ResNet, wide ResNet, ConvNet, MobileNet or ShuffleNet`,
    );
  }
  return (name) => {
    const found = naming.layer(name);
    if (found === undefined) throw new ConfigError(`${network.name}: layer ${name} has no published name`);
    return found;
  };
}
