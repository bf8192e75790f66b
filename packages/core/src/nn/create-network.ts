import { ConfigError } from "../errors.ts";
import type { Activation } from "./activation.ts";
import type { Norm, Pooling } from "./conv-layer.ts";
import type { NetworkInput } from "./define-network.ts";
import { networkFamilies, type NetworkFamily } from "./network-families.ts";
import type { Network } from "./network.ts";
import { ACTIVATION_WORDS, NORM_WORDS, POOLING_WORDS, type SpeltOptions } from "./option-suffix.ts";

/** A network's name taken apart. */
export interface ParsedNetworkName {
  /** The part before the options, such as `convnet3`. */
  readonly plainName: string;
  /** The options that the name spells; all others have the family's defaults. */
  readonly options: Partial<SpeltOptions>;
}

/** Plain names of the zoo, for lists and messages. Options follow a name, as in `convnet3-w64-batch-maxpool`. */
export function networkNames(): readonly string[] {
  return networkFamilies.flatMap((family) => family.examples);
}

function keyOf<K extends string>(words: Readonly<Record<K, string>>, word: string): K | undefined {
  return (Object.keys(words) as K[]).find((key) => words[key] === word);
}

/** The option that one word of a name spells. */
function parseOption(word: string): Partial<SpeltOptions> | undefined {
  const width = /^w([1-9][0-9]*)$/.exec(word)?.[1];
  if (width !== undefined) return { width: Number(width) };
  const norm: Norm | undefined = keyOf(NORM_WORDS, word);
  if (norm !== undefined) return { norm };
  const pooling: Pooling | undefined = keyOf(POOLING_WORDS, word);
  if (pooling !== undefined) return { pooling };
  const activation: Activation | undefined = keyOf(ACTIVATION_WORDS, word);
  if (activation !== undefined) return { activation };
  return word === "gap" ? { globalPooling: true } : undefined;
}

function unknownName(name: string, reason: string): ConfigError {
  return new ConfigError(`unknown network "${name}": ${reason}; known: ${networkNames().join(", ")}`);
}

function resolve(name: string): { family: NetworkFamily; parsed: ParsedNetworkName } {
  const words = name.split("-");
  // The longest plain name that fits: `resnet18-ap` before `resnet18`.
  for (let length = words.length; length >= 1; length--) {
    const plainName = words.slice(0, length).join("-");
    const family = networkFamilies.find(({ pattern }) => pattern.test(plainName));
    if (family === undefined) continue;
    const options: Partial<SpeltOptions> = {};
    for (const word of words.slice(length)) {
      const option = parseOption(word);
      if (option === undefined) throw unknownName(name, `no option is called "${word}"`);
      const key = Object.keys(option)[0] as keyof SpeltOptions;
      if (!family.options.has(key)) throw unknownName(name, `${plainName} has no option "${word}"`);
      if (key in options) throw unknownName(name, `"${word}" sets the same option again`);
      Object.assign(options, option);
    }
    return { family, parsed: { plainName, options } };
  }
  throw unknownName(name, `no network is called "${words[0]}"`);
}

/**
 * Takes a name of the zoo apart: a plain name, then options in any order, joined by hyphens.
 *
 *     convnet3   convnet4-w64-batch-maxpool-leakyrelu   alexnet-batch   vgg11   resnet18-ap-batch-gap
 *
 * Words: `w64` (width), `nonorm` `batch` `layer` `instance` `group`, `nopool` `maxpool` `avgpool`, `relu` `leakyrelu`
 * `sigmoid` `swish` `identity`, `gap` (global average pooling before the last layer).
 *
 * @throws {ConfigError} with the known names if the name is not one.
 */
export function parseNetworkName(name: string): ParsedNetworkName {
  return resolve(name).parsed;
}

/**
 * The network of that name (see {@link parseNetworkName}) for images and classes of a data set.
 *
 * @throws {ConfigError} if the name is unknown or the network does not take such images.
 */
export function createNetwork(name: string, input: NetworkInput): Network {
  const { family, parsed } = resolve(name);
  return family.create(parsed.plainName, input, parsed.options);
}
