import { alexnet } from "./alexnet.ts";
import { cifarResnet } from "./cifar-resnet.ts";
import { convnet } from "./convnet.ts";
import type { NetworkInput } from "./define-network.ts";
import { lenet } from "./lenet.ts";
import { mlp } from "./mlp.ts";
import { mobilenetV2 } from "./mobilenet.ts";
import type { Network } from "./network.ts";
import type { SpeltOptions } from "./option-suffix.ts";
import { resnet18, resnet50 } from "./resnet.ts";
import { shufflenetV2 } from "./shufflenet.ts";
import { vgg11 } from "./vgg.ts";
import { vit } from "./vit.ts";
import { wideResnet } from "./wide-resnet.ts";

/** One family of the zoo: its plain names and how options turn into a network. */
export interface NetworkFamily {
  /** Matches the plain name (the part before the options). */
  readonly pattern: RegExp;
  /** Plain names to show in lists. */
  readonly examples: readonly string[];
  /** Options that a name of this family may spell. */
  readonly options: ReadonlySet<keyof SpeltOptions>;
  readonly create: (plainName: string, input: NetworkInput, options: Partial<SpeltOptions>) => Network;
}

const CONV_OPTIONS: ReadonlySet<keyof SpeltOptions> = new Set([
  "width",
  "norm",
  "pooling",
  "activation",
  "globalPooling",
] as const);
const BACKBONE_OPTIONS: ReadonlySet<keyof SpeltOptions> = new Set([
  "width",
  "norm",
  "activation",
  "globalPooling",
] as const);

/** Of networks whose pooling before the last layer is given. */
const STEM_OPTIONS: ReadonlySet<keyof SpeltOptions> = new Set(["width", "norm", "activation"] as const);

/** Every family; a new network adds one entry. */
export const networkFamilies: readonly NetworkFamily[] = [
  {
    pattern: /^convnet([1-9][0-9]*)$/,
    examples: ["convnet1", "convnet2", "convnet3", "convnet4", "convnet5", "convnet6"],
    options: CONV_OPTIONS,
    create: (plainName, input, options) =>
      convnet({ ...input, ...options, depth: Number(plainName.slice("convnet".length)) }),
  },
  {
    pattern: /^mlp$/,
    examples: ["mlp"],
    options: new Set(["width"] as const),
    create: (_, input, options) => mlp({ ...input, ...options }),
  },
  {
    pattern: /^lenet$/,
    examples: ["lenet"],
    options: new Set(),
    create: (_, input) => lenet(input),
  },
  {
    pattern: /^alexnet$/,
    examples: ["alexnet"],
    options: BACKBONE_OPTIONS,
    create: (_, input, options) => alexnet({ ...input, ...options }),
  },
  {
    pattern: /^vgg11$/,
    examples: ["vgg11"],
    options: BACKBONE_OPTIONS,
    create: (_, input, options) => vgg11({ ...input, ...options }),
  },
  {
    pattern: /^resnet18(-ap)?$/,
    examples: ["resnet18", "resnet18-ap"],
    options: BACKBONE_OPTIONS,
    create: (plainName, input, options) =>
      resnet18({ ...input, ...options, averagePooling: plainName === "resnet18-ap" }),
  },
  {
    pattern: /^vit([1-9][0-9]*)$/,
    examples: ["vit6"],
    options: new Set(["width"] as const),
    create: (plainName, input, options) =>
      vit({ ...input, ...options, depth: Number(plainName.slice("vit".length)) }),
  },
  {
    pattern: /^resnet50$/,
    examples: ["resnet50"],
    options: BACKBONE_OPTIONS,
    create: (_, input, options) => resnet50({ ...input, ...options }),
  },
  {
    pattern: /^resnet(18|50)-imagenet$/,
    examples: ["resnet18-imagenet", "resnet50-imagenet"],
    options: STEM_OPTIONS,
    create: (plainName, input, options) =>
      (plainName === "resnet18-imagenet" ? resnet18 : resnet50)({ ...input, ...options, stem: "imagenet" }),
  },
  {
    pattern: /^resnet(20|32|44|56|110)$/,
    examples: ["resnet20", "resnet32", "resnet44", "resnet56", "resnet110"],
    options: STEM_OPTIONS,
    create: (plainName, input, options) =>
      cifarResnet({ ...input, ...options, depth: Number(plainName.slice("resnet".length)) }),
  },
  {
    pattern: /^wrn-[1-9][0-9]*-[1-9][0-9]*$/,
    examples: ["wrn-16-2", "wrn-28-10", "wrn-40-2"],
    options: new Set(["width"] as const),
    create: (plainName, input, options) => {
      const [, depth, widening] = plainName.split("-");
      return wideResnet({ ...input, ...options, depth: Number(depth), widening: Number(widening) });
    },
  },
  {
    pattern: /^mobilenetv2(-imagenet)?$/,
    examples: ["mobilenetv2", "mobilenetv2-imagenet"],
    options: new Set(["width"] as const),
    create: (plainName, input, options) => mobilenetV2({ ...input, ...options, stem: stemOf(plainName) }),
  },
  {
    pattern: /^shufflenetv2(-imagenet)?$/,
    examples: ["shufflenetv2", "shufflenetv2-imagenet"],
    options: new Set(["width"] as const),
    create: (plainName, input, options) => shufflenetV2({ ...input, ...options, stem: stemOf(plainName) }),
  },
];

function stemOf(plainName: string): "small" | "imagenet" {
  return plainName.endsWith("-imagenet") ? "imagenet" : "small";
}
