/** How the launches of the fused block are written; names as in {@link ConvBlockAttrs}. */
import type * as tf from "@tensorflow/tfjs-core";
import type { ConvBlockAttrs } from "@limbeck/native";
import { blockSource, float } from "./block-source.ts";
import { runProgram, WORKGROUP } from "./run-program.ts";

/** Channels and lanes of a workgroup that sums over the pixels of one sample. */
const TILE = 32;
const LANES = WORKGROUP / TILE;

/** Arrays by their names in the code. */
export type Arrays = Readonly<Record<string, tf.Tensor>>;

/** One block at one size, on one device. */
export interface Block {
  readonly backend: tf.KernelBackend;
  readonly attrs: ConvBlockAttrs;
  /** Result of the convolution, `[N, H, W, C]`. */
  readonly u: tf.Tensor4D;
}

/** What a launch needs besides u. */
interface Work {
  readonly label: string;
  readonly arrays: Arrays;
  readonly shape: readonly number[];
  readonly workgroups?: number;
  readonly declarations?: string;
  readonly body: string;
}

/** Height and width after pooling. */
function pooledSize({ attrs, u }: Block): readonly [number, number] {
  const size = attrs.pool === "none" ? 1 : attrs.poolSize;
  return [Math.floor(u.shape[1] / size), Math.floor(u.shape[2] / size)];
}

/** Number of normalised sets, and of elements in one. */
export function sets({ attrs, u }: Block): { readonly count: number; readonly size: number } {
  const [n, h, w, c] = u.shape;
  if (attrs.norm === "batch") return { count: c, size: n * h * w };
  return { count: n * attrs.groups, size: h * w * (c / attrs.groups) };
}

/** True where every set is one sample and channel. */
export function isInstance({ attrs, u }: Block): boolean {
  return attrs.norm === "group" && attrs.groups === u.shape[3];
}

/** Runs `work`; what the arrays are called decides which declarations of the block it gets. */
export function launch(block: Block, work: Work): tf.Tensor {
  const { attrs, u, backend } = block;
  const { arrays } = work;
  const [samples, height, width, channels] = u.shape;
  const [pooledHeight, pooledWidth] = pooledSize(block);
  const affine = "params" in arrays ? "params" : "gamma" in arrays ? "arrays" : "none";
  const hasAttention = "dattention" in arrays;
  const setChannels = attrs.norm === "group" ? channels / attrs.groups : 1;
  return runProgram(backend, {
    label: `ConvBlock ${work.label}`,
    inputs: arrays,
    uniforms: { samples, height, width, channels, pooledHeight, pooledWidth, setChannels },
    shape: work.shape,
    ...(work.workgroups !== undefined && { workgroups: work.workgroups }),
    declarations:
      ("u" in arrays ? blockSource(attrs, { affine, hasDp: "dp" in arrays, hasAttention }) : "") +
      (work.declarations ?? ""),
    body: work.body,
  });
}

/** For every sample and channel, sums over the pixels of each of `terms`, `[N, C, terms]`; `last` may turn them into other numbers. */
export function pixelSums(
  block: Block,
  label: string,
  arrays: Arrays,
  {
    before = "",
    terms,
    last = "",
  }: { readonly before?: string; readonly terms: readonly string[]; readonly last?: string },
): tf.Tensor {
  const [n, , , c] = block.u.shape;
  const each = (line: (term: string, k: number) => string) => terms.map(line).join("\n");
  return launch(block, {
    label,
    arrays,
    shape: [n, c, terms.length],
    workgroups: n * Math.ceil(c / TILE),
    declarations: `\nvar<workgroup> lanes : array<f32, ${WORKGROUP * terms.length}>;`,
    body: `
  let tiles = (uniforms.channels + ${TILE - 1}) / ${TILE};
  let n = index / ${WORKGROUP} / tiles;
  let c = (index / ${WORKGROUP}) % tiles * ${TILE} + index % ${TILE};
  let lane = index % ${WORKGROUP} / ${TILE};
  let pixels = uniforms.height * uniforms.width;
  let valid = n < uniforms.samples && c < uniforms.channels;
  let first = n * pixels * uniforms.channels + c;
${each((_, k) => `  var sum${k} = 0f;`)}
  if (valid) {
    for (var pixel = lane; pixel < pixels; pixel += ${LANES}) {
      let h = pixel / uniforms.width;
      let w = pixel % uniforms.width;
      let i = first + pixel * uniforms.channels;
${before}
${each((term, k) => `      sum${k} += ${term};`)}
    }
  }
${each((_, k) => `  lanes[${k * WORKGROUP} + index % ${WORKGROUP}] = sum${k};`)}
  workgroupBarrier();
  if (valid && lane == 0) {
    for (var other = 1; other < ${LANES}; other++) {
${each((_, k) => `      sum${k} += lanes[${k * WORKGROUP} + other * ${TILE} + index % ${TILE}];`)}
    }
${last}
    let at = (n * uniforms.channels + c) * ${terms.length};
${each((_, k) => `    result[at + ${k}] = sum${k};`)}
  }`,
  });
}

/** WGSL of a loop over the members of set `index`: `visit` sees sample n and channel c. */
export function overSet({ attrs }: Block, visit: string): string {
  if (attrs.norm === "batch") {
    return `  for (var n = 0; n < uniforms.samples; n++) {\n    let c = index;\n${visit}\n  }`;
  }
  return `
  for (var k = 0; k < uniforms.setChannels; k++) {
    let n = index / (uniforms.channels / uniforms.setChannels);
    let c = index % (uniforms.channels / uniforms.setChannels) * uniforms.setChannels + k;
${visit}
  }`;
}

/** Coordinates n, h, w, c and i of element `index`. */
const COORDINATES = `
  let c = index % uniforms.channels;
  let w = index / uniforms.channels % uniforms.width;
  let h = index / uniforms.channels / uniforms.width % uniforms.height;
  let n = index / uniforms.channels / uniforms.width / uniforms.height;
  let i = index;`;

/** One number for each element of u. */
export function elementwise(block: Block, label: string, arrays: Arrays, statements: string): tf.Tensor4D {
  const body = `  if (index >= uniforms.size) { return; }${COORDINATES}\n${statements}`;
  return launch(block, { label, arrays, shape: block.u.shape, body }) as tf.Tensor4D;
}

/** Pools the function `value` of element i, along the maxima of y with max pooling. */
export function pooling(block: Block, label: string, arrays: Arrays, value: string): tf.Tensor4D {
  const { attrs, u } = block;
  const [height, width] = pooledSize(block);
  const area = float(attrs.pool === "average" ? attrs.poolSize ** 2 : 1);
  const windows =
    attrs.pool === "max"
      ? "  total = valueAt(chosen(n, ph, pw, c), n, c);"
      : `
  for (var k = 0; k < poolSize * poolSize; k++) {
    let h = ph * poolSize + k / poolSize;
    let w = pw * poolSize + k % poolSize;
    total += valueAt(elementIndex(n, h, w, c), n, c);
  }`;
  return launch(block, {
    label,
    arrays,
    shape: [u.shape[0], height, width, u.shape[3]],
    declarations: `\nfn valueAt(i : i32, n : i32, c : i32) -> f32 {\n${value}\n}`,
    body: `
  if (index >= uniforms.size) { return; }
  let c = index % uniforms.channels;
  let pw = index / uniforms.channels % uniforms.pooledWidth;
  let ph = index / uniforms.channels / uniforms.pooledWidth % uniforms.pooledHeight;
  let n = index / uniforms.channels / uniforms.pooledWidth / uniforms.pooledHeight;
  var total = 0f;
${windows}
  result[index] = total / ${area};`,
  }) as tf.Tensor4D;
}
