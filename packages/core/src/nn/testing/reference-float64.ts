/**
 * Test support: the networks of the zoo as plain loops in float64, written independently of the layers they check (own
 * architecture tables, own reading of θ in order). Forward passes only: derivatives come from differences.
 */
import type { Activation } from "../activation.ts";
import type { Norm, Pooling } from "../conv-layer.ts";
import { parseNetworkName } from "../create-network.ts";
import { referenceVit } from "./reference-transformer.ts";

/** Images or features `[n, h, w, c]`, row-major. */
interface Maps {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly data: Float64Array;
}

export interface ReferenceOutput {
  /** `[N, K]`, row-major. */
  readonly logits: Float64Array;
  /** Activations of the blocks, each `[N, h, w, c]` row-major. */
  readonly activations: readonly Float64Array[];
  /** Mean and biased variance of every batch-normalisation input. */
  readonly statistics: readonly { readonly mean: Float64Array; readonly variance: Float64Array }[];
  /** Every decision at a kink, in order: the side of each ReLU, the place of each maximum. */
  readonly decisions: readonly number[];
}

interface Style {
  readonly norm: Norm;
  readonly activation: Activation;
  readonly pooling: Pooling;
}

const EPSILON = 1e-5;

/** What a forward pass may be given beside its arguments. */
export interface ReferenceOptions {
  /** Batch statistics to use instead of this batch's. */
  readonly statistics?: ReferenceOutput["statistics"];
  /**
   * Decisions of an earlier pass to take again: the network is then the smooth function that it is around that point, and
   * differences of any step give its derivatives, with no kink in between.
   */
  readonly decisions?: readonly number[];
}

/** One forward pass: reads θ in order and remembers kinks, activations and batch statistics. */
class ReferencePass {
  readonly activations: Float64Array[] = [];
  readonly statistics: { mean: Float64Array; variance: Float64Array }[] = [];
  readonly decisions: number[] = [];
  #at = 0;
  readonly #theta: Float64Array;
  readonly #options: ReferenceOptions;

  constructor(theta: Float64Array, options: ReferenceOptions) {
    this.#theta = theta;
    this.#options = options;
  }

  take(count: number): Float64Array {
    const part = this.#theta.subarray(this.#at, this.#at + count);
    if (part.length !== count)
      throw new Error(`reference: theta ends after ${this.#theta.length} of ${this.#at + count}`);
    this.#at += count;
    return part;
  }

  finish(): void {
    if (this.#at !== this.#theta.length)
      throw new Error(`reference: ${this.#theta.length - this.#at} parameters left over`);
  }

  /** `choice`, or the one that was made here in the pass to follow. */
  decide(choice: number): number {
    const made = this.#options.decisions?.[this.decisions.length] ?? choice;
    this.decisions.push(made);
    return made;
  }

  conv(x: Maps, filters: number, kernel: number, stride: number, pad: number, hasBias: boolean): Maps {
    const weight = this.take(kernel * kernel * x.c * filters);
    const bias = hasBias ? this.take(filters) : new Float64Array(filters);
    const h = Math.floor((x.h + 2 * pad - kernel) / stride) + 1;
    const w = Math.floor((x.w + 2 * pad - kernel) / stride) + 1;
    const data = new Float64Array(x.n * h * w * filters);
    for (let n = 0; n < x.n; n++)
      for (let r = 0; r < h; r++)
        for (let s = 0; s < w; s++) {
          const out = ((n * h + r) * w + s) * filters;
          for (let o = 0; o < filters; o++) data[out + o] = bias[o]!;
          for (let i = 0; i < kernel; i++)
            for (let j = 0; j < kernel; j++) {
              const row = r * stride + i - pad;
              const column = s * stride + j - pad;
              if (row < 0 || row >= x.h || column < 0 || column >= x.w) continue;
              for (let c = 0; c < x.c; c++) {
                const value = x.data[((n * x.h + row) * x.w + column) * x.c + c]!;
                const tap = ((i * kernel + j) * x.c + c) * filters;
                for (let o = 0; o < filters; o++) data[out + o]! += value * weight[tap + o]!;
              }
            }
        }
    return { n: x.n, h, w, c: filters, data };
  }

  /** Normalises the sets of elements that share `setOf(n, channel)`; returns mean and variance of each. */
  #standardise(x: Maps, sets: number, setOf: (n: number, c: number) => number) {
    const mean = new Float64Array(sets);
    const variance = new Float64Array(sets);
    const count = x.data.length / sets;
    const each = (visit: (index: number, set: number) => void) => {
      let index = 0;
      for (let n = 0; n < x.n; n++)
        for (let p = 0; p < x.h * x.w; p++) for (let c = 0; c < x.c; c++) visit(index++, setOf(n, c));
    };
    each((index, set) => (mean[set]! += x.data[index]! / count));
    each((index, set) => (variance[set]! += (x.data[index]! - mean[set]!) ** 2 / count));
    return { mean, variance, each };
  }

  norm(x: Maps, norm: Norm): Maps {
    if (norm === "none") return x;
    const affine = norm === "layer" ? x.h * x.w * x.c : x.c;
    const gamma = this.take(affine);
    const beta = this.take(affine);
    const groups = norm === "instance" ? x.c : norm === "group" ? 4 : 1;
    const perGroup = x.c / groups;
    const isBatch = norm === "batch";
    const setOf = isBatch
      ? (_: number, c: number) => c
      : (n: number, c: number) => n * groups + Math.floor(c / perGroup);
    const { mean, variance, each } = this.#standardise(x, isBatch ? x.c : x.n * groups, setOf);
    const used = isBatch
      ? (this.#options.statistics?.[this.statistics.length] ?? { mean, variance })
      : { mean, variance };
    if (isBatch) this.statistics.push({ mean, variance });
    const data = new Float64Array(x.data.length);
    each((index, set) => {
      const z = (x.data[index]! - used.mean[set]!) / Math.sqrt(used.variance[set]! + EPSILON);
      data[index] = gamma[index % affine]! * z + beta[index % affine]!;
    });
    return { ...x, data };
  }

  activate(x: Maps, activation: Activation): Maps {
    const kinked = activation === "relu" || activation === "leakyrelu";
    const below = activation === "relu" ? 0 : 0.01;
    const data = x.data.map((y) => {
      if (kinked) {
        return this.decide(y > 0 ? 1 : 0) === 1 ? y : below * y;
      }
      if (activation === "identity") return y;
      const sigmoid = 1 / (1 + Math.exp(-y));
      return activation === "sigmoid" ? sigmoid : y * sigmoid;
    });
    return { ...x, data };
  }

  pool(x: Maps, kind: Pooling, size = 2): Maps {
    if (kind === "none") return x;
    const h = Math.floor(x.h / size);
    const w = Math.floor(x.w / size);
    const data = new Float64Array(x.n * h * w * x.c);
    for (let n = 0; n < x.n; n++)
      for (let r = 0; r < h; r++)
        for (let s = 0; s < w; s++)
          for (let c = 0; c < x.c; c++) {
            const window: number[] = [];
            for (let i = 0; i < size; i++)
              for (let j = 0; j < size; j++) {
                window.push(x.data[((n * x.h + r * size + i) * x.w + s * size + j) * x.c + c]!);
              }
            const value =
              kind === "max"
                ? window[this.decide(window.indexOf(Math.max(...window)))]!
                : window.reduce((a, b) => a + b, 0) / (size * size);
            data[((n * h + r) * w + s) * x.c + c] = value;
          }
    return { n: x.n, h, w, c: x.c, data };
  }

  linear(x: Maps, outputs: number): Maps {
    const inputs = x.h * x.w * x.c;
    const weight = this.take(inputs * outputs);
    const bias = this.take(outputs);
    const data = new Float64Array(x.n * outputs);
    for (let n = 0; n < x.n; n++)
      for (let o = 0; o < outputs; o++) {
        let sum = bias[o]!;
        for (let i = 0; i < inputs; i++) sum += x.data[n * inputs + i]! * weight[i * outputs + o]!;
        data[n * outputs + o] = sum;
      }
    return { n: x.n, h: 1, w: 1, c: outputs, data };
  }

  block(
    x: Maps,
    filters: number,
    kernel: number,
    pad: number,
    style: Style,
    options: { bias?: boolean; stride?: number } = {},
  ) {
    const u = this.conv(x, filters, kernel, options.stride ?? 1, pad, options.bias ?? true);
    return this.pool(this.record(this.activate(this.norm(u, style.norm), style.activation)), style.pooling);
  }

  record(x: Maps): Maps {
    this.activations.push(x.data);
    return x;
  }
}

function average(x: Maps): Maps {
  const data = new Float64Array(x.n * x.c);
  for (let i = 0; i < x.data.length; i++) {
    const n = Math.floor(i / (x.h * x.w * x.c));
    data[n * x.c + (i % x.c)]! += x.data[i]! / (x.h * x.w);
  }
  return { n: x.n, h: 1, w: 1, c: x.c, data };
}

function sum(a: Maps, b: Maps): Maps {
  return { ...a, data: a.data.map((value, i) => value + b.data[i]!) };
}

function resnet(pass: ReferencePass, images: Maps, width: number, style: Style, ap: boolean): Maps {
  const { norm, activation } = style;
  let x = pass.block(images, width, 3, 1, { ...style, pooling: "none" }, { bias: false });
  for (const stage of [0, 1, 2, 3])
    for (const first of [true, false]) {
      const filters = width * 2 ** stage;
      const halves = stage > 0 && first;
      const stride = halves && !ap ? 2 : 1;
      let main = pass.activate(pass.norm(pass.conv(x, filters, 3, stride, 1, false), norm), activation);
      if (halves && ap) main = pass.pool(main, "avg");
      main = pass.norm(pass.conv(main, filters, 3, 1, 1, false), norm);
      let side = x;
      if (halves) {
        side = pass.conv(x, filters, 1, stride, 0, false);
        if (ap) side = pass.pool(side, "avg");
        side = pass.norm(side, norm);
      }
      x = pass.record(pass.activate(sum(main, side), activation));
    }
  return x;
}

const ALEXNET = [
  [1, 5, "max"],
  [1.5, 5, "max"],
  [2, 3, "none"],
  [1.5, 3, "none"],
  [1.5, 3, "max"],
] as const;
const VGG11 = "1 M 2 M 4 4 M 8 8 M 8 8 M".split(" ");

/**
 * The network `name` in float64.
 *
 * @param images `[N, H, W, C]`, row-major.
 */
export function referenceForward(
  name: string,
  shape: readonly [number, number, number],
  classes: number,
  theta: Float64Array,
  images: Float64Array,
  given: ReferenceOptions = {},
): ReferenceOutput {
  const { plainName, options } = parseNetworkName(name);
  const [h, w, c] = shape;
  if (plainName.startsWith("vit")) {
    const { logits, activations } = referenceVit(
      { shape, classes, depth: Number(plainName.slice(3)), width: options.width ?? 192 },
      theta,
      images,
    );
    return { logits, activations, statistics: [], decisions: [] };
  }
  const x: Maps = { n: images.length / (h * w * c), h, w, c, data: images };
  const extra = h === 28 && c === 1 ? 2 : 0;
  const pass = new ReferencePass(theta, given);
  const activation = options.activation ?? "relu";
  let features: Maps;
  if (plainName.startsWith("convnet")) {
    const style: Style = { norm: options.norm ?? "instance", activation, pooling: options.pooling ?? "avg" };
    features = x;
    for (let i = 0; i < Number(plainName.slice(7)); i++) {
      features = pass.block(features, options.width ?? 128, 3, i === 0 ? 1 + extra : 1, style);
    }
  } else if (plainName === "mlp") {
    const width = options.width ?? 128;
    features = pass.activate(pass.linear(pass.activate(pass.linear(x, width), "relu"), width), "relu");
  } else if (plainName === "lenet") {
    const style: Style = { norm: "none", activation: "relu", pooling: "max" };
    const maps = pass.block(pass.block(x, 6, 5, extra, style), 16, 5, 0, style);
    features = pass.activate(pass.linear(pass.activate(pass.linear(maps, 120), "relu"), 84), "relu");
  } else if (plainName === "alexnet") {
    features = x;
    for (const [i, [factor, kernel, pooling]] of ALEXNET.entries()) {
      const style: Style = { norm: options.norm ?? "none", activation, pooling };
      const pad = (kernel - 1) / 2 + (i === 0 ? extra : 0);
      features = pass.block(features, factor * (options.width ?? 128), kernel, pad, style);
    }
  } else if (plainName === "vgg11") {
    features = x;
    for (const [i, word] of VGG11.entries()) {
      if (word === "M") continue;
      const pooling = VGG11[i + 1] === "M" ? "max" : "none";
      const style: Style = { norm: options.norm ?? "instance", activation, pooling };
      features = pass.block(
        features,
        Number(word) * (options.width ?? 64),
        3,
        i === 0 ? 1 + extra : 1,
        style,
      );
    }
  } else {
    const ap = plainName === "resnet18-ap";
    const style: Style = { norm: options.norm ?? "instance", activation, pooling: "none" };
    features = resnet(pass, x, options.width ?? 64, style, ap);
    if (!ap && options.globalPooling !== true)
      features = pass.pool(features, "avg", Math.min(4, features.h, features.w));
  }
  if (options.globalPooling === true) features = average(features);
  const logits = pass.linear(features, classes).data;
  pass.finish();
  return { logits, activations: pass.activations, statistics: pass.statistics, decisions: pass.decisions };
}

/** Mean soft-max cross-entropy of `logits` `[N, K]` with probabilities `labels` `[N, K]`. */
export function referenceCrossEntropy(logits: Float64Array, labels: Float64Array, classes: number): number {
  let total = 0;
  for (let n = 0; n < logits.length; n += classes) {
    const row = logits.subarray(n, n + classes);
    const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const norm = top + Math.log(row.reduce((a, b) => a + Math.exp(b - top), 0));
    for (let k = 0; k < classes; k++) total += labels[n + k]! * (norm - row[k]!);
  }
  return (total * classes) / logits.length;
}
