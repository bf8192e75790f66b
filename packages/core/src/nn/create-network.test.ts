import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import type { ImageShape } from "../dataset/image-dataset.ts";
import { ConfigError } from "../errors.ts";
import { availableBackEnds } from "../grad/testing/back-ends.ts";
import { keyFromSeed } from "../random/key.ts";
import { alexnet } from "./alexnet.ts";
import { convnet } from "./convnet.ts";
import { createNetwork, networkNames, parseNetworkName } from "./create-network.ts";
import { lenet } from "./lenet.ts";
import { mlp } from "./mlp.ts";
import { resnet18 } from "./resnet.ts";
import { vgg11 } from "./vgg.ts";

const GREY: ImageShape = [28, 28, 1];
const COLOUR: ImageShape = [32, 32, 3];
const LARGE: ImageShape = [224, 224, 3];

/** Published architectures and their parameter counts. */
const COUNTS: readonly (readonly [name: string, shape: ImageShape, classes: number, parameters: number])[] = [
  ["convnet3", GREY, 10, 317_706],
  ["convnet3", COLOUR, 10, 320_010],
  ["convnet3", COLOUR, 100, 504_420],
  ["convnet4", [64, 64, 3], 200, 857_160],
  ["convnet4", [64, 64, 3], 1000, 2_496_360],
  ["convnet5", [128, 128, 3], 10, 615_690],
  ["convnet6", [128, 128, 3], 10, 748_170],
  ["convnet1", GREY, 10, 329_226],
  ["convnet2", GREY, 10, 231_306],
  ["convnet4", GREY, 10, 450_186],
  ["convnet3-w32", GREY, 10, 24_138],
  ["convnet3-w64", GREY, 10, 85_130],
  ["convnet3-w256", GREY, 10, 1_225_226],
  ["mlp", GREY, 10, 118_282],
  ["mlp", COLOUR, 10, 411_146],
  ["lenet", GREY, 10, 61_706],
  ["lenet", COLOUR, 10, 62_006],
  ["alexnet", GREY, 10, 1_865_802],
  ["alexnet", COLOUR, 10, 1_872_202],
  ["alexnet-batch", GREY, 10, 1_867_722],
  ["alexnet-batch", COLOUR, 10, 1_874_122],
  ["vgg11", GREY, 10, 9_229_962],
  ["vgg11", COLOUR, 10, 9_231_114],
  ["vgg11-batch", GREY, 10, 9_229_962],
  ["vgg11-batch", COLOUR, 10, 9_231_114],
  ["resnet18", GREY, 10, 11_172_810],
  ["resnet18", COLOUR, 10, 11_173_962],
  ["resnet18-batch", GREY, 10, 11_172_810],
  ["resnet18-batch", COLOUR, 10, 11_173_962],
  ["resnet18-ap", GREY, 10, 11_213_770],
  ["resnet18-ap", COLOUR, 10, 11_250_762],
  ["resnet18-ap-batch", GREY, 10, 11_213_770],
  ["resnet18-ap-batch", COLOUR, 10, 11_250_762],
  ["resnet20", COLOUR, 10, 269_722],
  ["resnet32", COLOUR, 10, 464_154],
  ["resnet56", COLOUR, 10, 853_018],
  ["resnet110", COLOUR, 10, 1_727_962],
  ["resnet50-batch", COLOUR, 10, 23_520_842],
  ["wrn-16-2", COLOUR, 10, 691_674],
  ["wrn-16-2", COLOUR, 100, 703_284],
  ["wrn-28-10", COLOUR, 10, 36_479_194],
  // As torchvision counts them.
  ["resnet18-imagenet-batch", LARGE, 1000, 11_689_512],
  ["resnet50-imagenet-batch", LARGE, 1000, 25_557_032],
  ["mobilenetv2-imagenet", LARGE, 1000, 3_504_872],
  ["shufflenetv2-imagenet", LARGE, 1000, 2_278_604],
  ["shufflenetv2-imagenet-w48", LARGE, 1000, 1_366_792],
  // 48·192 + 192 patches, 64·192 positions, 6 blocks of 12·192² + 13·192, 2·192 + 1930 at the end.
  ["vit6", COLOUR, 10, 2_693_194],
];

describe("parameter counts", () => {
  it.each(COUNTS)("%s on %s with %d classes has %d", (name, inputShape, classes, parameters) => {
    const network = createNetwork(name, { inputShape, classes });
    expect(network.parameterCount).toBe(parameters);
    expect(network.name).toBe(name);
  });

  it("ConvNet-3 on grey 28 x 28 costs 48.4 million multiply-adds", () => {
    // 1.18 + 37.7 + 9.4 million in the convolutions, 20 480 in the head.
    expect(createNetwork("convnet3", { inputShape: GREY, classes: 10 }).multiplyAdds).toBe(48_386_048);
  });
});

/** Feature sizes D of the last linear layer for image sizes that the fixed heads of the originals refuse, too. */
const SHAPES: readonly (readonly [name: string, shape: ImageShape, features: number])[] = [
  ["convnet3-w8", GREY, 8 * 16],
  ["convnet3-w8", COLOUR, 8 * 16],
  ["convnet3-w8", [64, 64, 3], 8 * 64],
  ["convnet3-w8", [96, 96, 5], 8 * 144],
  ["convnet3-w8-nopool", [12, 12, 2], 8 * 144],
  ["convnet3-w8-gap", [96, 96, 5], 8],
  ["mlp-w16", [96, 96, 5], 16],
  ["lenet", [64, 64, 3], 84],
  ["lenet", [96, 96, 5], 84],
  ["alexnet-w8", GREY, 12 * 16],
  ["alexnet-w8", [64, 64, 3], 12 * 64],
  ["alexnet-w8", [96, 96, 5], 12 * 144],
  ["vgg11-w4", GREY, 32],
  ["vgg11-w4", [64, 64, 3], 32 * 4],
  ["vgg11-w4-gap", [96, 96, 5], 32],
  ["resnet18-w4", GREY, 32],
  ["resnet18-w4", [64, 64, 3], 32 * 4],
  ["resnet18-w4-gap", [96, 96, 5], 32],
  ["resnet18-ap-w4", GREY, 32 * 9],
  ["resnet18-ap-w4", [64, 64, 3], 32 * 64],
  ["resnet20-w4", GREY, 16],
  ["resnet20-w4", [33, 35, 3], 16],
  ["wrn-16-2-w4", GREY, 32],
  ["wrn-10-1-w4", [33, 35, 3], 16],
  ["resnet18-imagenet-w4", [65, 64, 3], 32],
  ["resnet50-imagenet-w2", [64, 64, 3], 64],
  ["mobilenetv2-w8", GREY, 1280],
  ["mobilenetv2-imagenet-w8", [65, 67, 3], 1280],
  ["shufflenetv2-w8", GREY, 1024],
  ["shufflenetv2-imagenet-w8", [65, 67, 3], 1024],
];

const backEnds = await availableBackEnds();
const fastest = backEnds.at(-1)!;

describe("shapes", () => {
  it.each(SHAPES)("%s on %s has %d features", async (name, inputShape, features) => {
    await tf.setBackend(fastest);
    const network = createNetwork(name, { inputShape, classes: 7 });
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const output = network.apply(network.init(keyFromSeed(1)), tf.ones([2, ...inputShape]));
      expect(output.embedding.shape).toEqual([2, features]);
      expect(output.logits.shape).toEqual([2, 7]);
      expect(output.logits.dataSync().every(Number.isFinite)).toBe(true);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("names", () => {
  it("spell every option, in any order, and come back in the usual one", () => {
    expect(parseNetworkName("convnet4-leakyrelu-w64-maxpool-batch-gap")).toEqual({
      plainName: "convnet4",
      options: { activation: "leakyrelu", width: 64, pooling: "max", norm: "batch", globalPooling: true },
    });
    const input = { inputShape: COLOUR, classes: 10 };
    expect(createNetwork("convnet4-leakyrelu-w64-maxpool-batch-gap", input).name).toBe(
      "convnet4-w64-batch-maxpool-leakyrelu-gap",
    );
    expect(createNetwork("convnet3-instance-w128-avgpool-relu", input).name).toBe("convnet3");
    expect(createNetwork("resnet18-ap-batch-w16", input).name).toBe("resnet18-ap-w16-batch");
    expect(createNetwork("alexnet-nonorm", input).name).toBe("alexnet");
    for (const name of networkNames()) {
      expect(createNetwork(name, { inputShape: [64, 64, 3], classes: 10 }).name).toBe(name);
    }
  });

  it("make the same networks as the factories", () => {
    const input = { inputShape: COLOUR, classes: 10 };
    const pairs = [
      [
        convnet({ ...input, depth: 2, width: 16, norm: "group", pooling: "none", activation: "swish" }),
        "convnet2-w16-group-nopool-swish",
      ],
      [mlp({ ...input, width: 32 }), "mlp-w32"],
      [lenet(input), "lenet"],
      [alexnet({ ...input, norm: "instance" }), "alexnet-instance"],
      [vgg11({ ...input, norm: "layer" }), "vgg11-layer"],
      [resnet18({ ...input, averagePooling: true, norm: "none" }), "resnet18-ap-nonorm"],
    ] as const;
    for (const [network, name] of pairs) {
      expect(network.name).toBe(name);
      expect(network.parameters).toEqual(createNetwork(name, input).parameters);
    }
  });

  const known =
    "known: convnet1, convnet2, convnet3, convnet4, convnet5, convnet6, mlp, lenet, alexnet, vgg11, resnet18, resnet18-ap";
  it.each([
    ["convnte3", `unknown network "convnte3": no network is called "convnte3"; ${known}`],
    ["convnet", `unknown network "convnet": no network is called "convnet"; ${known}`],
    ["convnet0", `unknown network "convnet0": no network is called "convnet0"; ${known}`],
    ["convnet3-wide", `unknown network "convnet3-wide": no option is called "wide"; ${known}`],
    ["mlp-batch", `unknown network "mlp-batch": mlp has no option "batch"; ${known}`],
    ["vgg11-maxpool", `unknown network "vgg11-maxpool": vgg11 has no option "maxpool"; ${known}`],
    [
      "convnet3-batch-layer",
      `unknown network "convnet3-batch-layer": "layer" sets the same option again; ${known}`,
    ],
    ["", `unknown network "": no network is called ""; ${known}`],
  ])("%s is refused", (name, message) => {
    const call = () => createNetwork(name, { inputShape: COLOUR, classes: 10 });
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(message);
  });

  it.each([
    [
      "convnet5",
      [28, 28, 3],
      10,
      "block5: images of 1x1 are too small for it; use larger images or fewer layers",
    ],
    ["convnet3-w6-group", COLOUR, 10, "block1: group normalisation needs a width that 4 divides, got 6"],
    ["lenet", [8, 8, 3], 10, "block2: images of 2x2 are too small for it; use larger images or fewer layers"],
    ["convnet3", [32, 32, 0], 10, "convnet3: inputShape must be [height, width, channels], got [32,32,0]"],
    ["wrn-20-2", COLOUR, 10, "wrn-20-2: depth must be 6n + 4, such as 16, 28 or 40, got 20"],
    ["convnet3", COLOUR, 0, "convnet3: classes must be a positive whole number, got 0"],
  ] as const)("%s does not take %s with %d classes", (name, inputShape, classes, message) => {
    const call = () => createNetwork(name, { inputShape, classes });
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(message);
  });
});
