/** The launches of the fused block between its convolutions; names as in {@link ConvBlockAttrs}. */
import * as tf from "@tensorflow/tfjs-core";
import type { ConvBlockAttrs } from "@limbeck/native";
import { absolutePower, blockSource, float } from "./block-source.ts";
import { runProgram, WORKGROUP } from "./run-program.ts";

/** Channels and lanes of a workgroup that sums over the pixels of one sample. */
const TILE = 32;
const LANES = WORKGROUP / TILE;

type Arrays = Readonly<Record<string, tf.Tensor>>;

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
function sets({ attrs, u }: Block): { readonly count: number; readonly size: number } {
  const [n, h, w, c] = u.shape;
  if (attrs.norm === "batch") return { count: c, size: n * h * w };
  return { count: n * attrs.groups, size: h * w * (c / attrs.groups) };
}

/** True where every set is one sample and channel. */
function isInstance({ attrs, u }: Block): boolean {
  return attrs.norm === "group" && attrs.groups === u.shape[3];
}

function launch(block: Block, work: Work): tf.Tensor {
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
function pixelSums(
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
function overSet({ attrs }: Block, visit: string): string {
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

/** Deviations from a set's own first element: no cancellation where the mean is large. */
const MOMENT_TERMS = ["u[i] - u[first]", "(u[i] - u[first]) * (u[i] - u[first])"];

/** Mean and r of every set, `[sets, 2]`; with batch normalisation also `[2, C]` means and variances. */
export function statistics(block: Block): { readonly stats?: tf.Tensor; readonly moments?: tf.Tensor } {
  const { attrs, u } = block;
  if (attrs.norm === "none") return {};
  const pixels = u.shape[1] * u.shape[2];
  const epsilon = float(attrs.epsilon);
  const toMoments = `
    let offset = sum0 / ${float(pixels)};
    sum1 = max(sum1 - sum0 * offset, 0f);
    sum0 = u[first] + offset;`;
  const toStats = `${toMoments}\n    sum1 = 1f / sqrt(sum1 / ${float(pixels)} + ${epsilon});`;
  // The launch must not ask for the statistics that it makes.
  const plain: Block = { ...block, attrs: { ...attrs, norm: "none" } };
  if (isInstance(block))
    return { stats: pixelSums(plain, "statistics", { u }, { terms: MOMENT_TERMS, last: toStats }) };
  const parts = pixelSums(plain, "moments", { u }, { terms: MOMENT_TERMS, last: toMoments });
  const { count, size } = sets(block);
  const members = size / pixels;
  const joined = (label: string, shape: readonly number[], write: string) =>
    launch(block, {
      label,
      arrays: { parts },
      shape,
      body: `
  if (index >= ${count}) { return; }
  var mean = 0f;
${overSet(block, "    mean += parts[2 * (n * uniforms.channels + c)];")}
  mean /= ${float(members)};
  var squares = 0f;
${overSet(
  block,
  `    let at = 2 * (n * uniforms.channels + c);
    squares += parts[at + 1] + ${float(pixels)} * (parts[at] - mean) * (parts[at] - mean);`,
)}
  let variance = squares / ${float(size)};
${write}`,
    });
  const stats = joined(
    "set statistics",
    [count, 2],
    `  result[2 * index] = mean;\n  result[2 * index + 1] = 1f / sqrt(variance + ${epsilon});`,
  );
  if (attrs.norm !== "batch") return { stats };
  const moments = joined(
    "batch moments",
    [2, count],
    `  result[index] = mean;\n  result[${count} + index] = variance;`,
  );
  return { stats, moments };
}

/** Coordinates n, h, w, c and i of element `index`. */
const COORDINATES = `
  let c = index % uniforms.channels;
  let w = index / uniforms.channels % uniforms.width;
  let h = index / uniforms.channels / uniforms.width % uniforms.height;
  let n = index / uniforms.channels / uniforms.width / uniforms.height;
  let i = index;`;

/** One number for each element of u. */
function elementwise(block: Block, label: string, arrays: Arrays, statements: string): tf.Tensor4D {
  const body = `  if (index >= uniforms.size) { return; }${COORDINATES}\n${statements}`;
  return launch(block, { label, arrays, shape: block.u.shape, body }) as tf.Tensor4D;
}

/** Pools the function `value` of element i, along the maxima of y with max pooling. */
function pooling(block: Block, label: string, arrays: Arrays, value: string): tf.Tensor4D {
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

/** Normalisation, activation and pooling of u. */
export function pooledActivation(block: Block, arrays: Arrays): tf.Tensor4D {
  return pooling(block, "forward", arrays, "  let y = yAt(i, n, c);\n  return y * slopeOf(y);");
}

/** `Σ_c |a|^p`, `[N, H, W]`, and `Σ_pixels |a|^p`, `[N, C]`. */
export function attentions(block: Block, arrays: Arrays): readonly [tf.Tensor, tf.Tensor] {
  const { u, attrs } = block;
  const [n, h, w, c] = u.shape;
  const power = absolutePower("a", attrs.attentionPower);
  const ofPixels = launch(block, {
    label: "attention",
    arrays,
    shape: [n, h, w],
    body: `
  if (index >= uniforms.size) { return; }
  let n = index / (uniforms.height * uniforms.width);
  var total = 0f;
  for (var c = 0; c < uniforms.channels; c++) {
    let y = yAt(index * uniforms.channels + c, n, c);
    let a = y * slopeOf(y);
    total += ${power};
  }
  result[index] = total;`,
  });
  const before = "      let y = yAt(i, n, c);\n      let a = y * slopeOf(y);";
  const ofChannels = pixelSums(block, "channel attention", arrays, { before, terms: [power] });
  return [ofPixels, tf.reshape(ofChannels, [n, c])];
}

const DY = "      let dy = dyAt(i, n, h, w, c);\n      let z = zAt(i, n, c);";

/** `Σ dy` and `Σ dy·z` over the pixels, `[N, C, 2]`. */
export function gradientSums(block: Block, arrays: Arrays): tf.Tensor {
  return pixelSums(block, "gradient sums", arrays, { before: DY, terms: ["dy", "dy * z"] });
}

/** `mean(dz)` and `mean(dz·z)` of every set, `[sets, 2]`, with dz = γ·dy. */
export function gradientMeans(block: Block, sums: tf.Tensor, gamma: tf.Tensor | undefined): tf.Tensor {
  const { count, size } = sets(block);
  return launch(block, {
    label: "gradient means",
    arrays: { sums, ...(gamma !== undefined && { gamma }) },
    shape: [count, 2],
    body: `
  if (index >= ${count}) { return; }
  var m1 = 0f;
  var m2 = 0f;
${overSet(
  block,
  `    let at = 2 * (n * uniforms.channels + c);
    m1 += ${gamma === undefined ? "" : "gamma[c] * "}sums[at];
    m2 += ${gamma === undefined ? "" : "gamma[c] * "}sums[at + 1];`,
)}
  result[2 * index] = m1 / ${float(size)};
  result[2 * index + 1] = m2 / ${float(size)};`,
  });
}

/** `du = r·(dz − mean(dz) − z·mean(dz·z))`, or dy without normalisation. */
export function convolutionGradient(block: Block, arrays: Arrays): tf.Tensor4D {
  const perSet = "curvature" in arrays ? CURVATURES : 2;
  const means = "curvature" in arrays ? "curvature" : "means";
  const value =
    block.attrs.norm === "none"
      ? "dy * gammaOf(c)"
      : `rOf(n, c) * (gammaOf(c) * dy - ${means}[at] - z * ${means}[at + 1])`;
  const at = block.attrs.norm === "none" ? "" : `\n  let at = ${perSet} * setOf(n, c);`;
  return elementwise(block, "gradient", arrays, `${DY}${at}\n  result[index] = ${value};`);
}

/** Sum over the samples of `value`, which reads `at`, the place of sample n and channel c in rows of `row` numbers. */
export function sampleSums(
  block: Block,
  label: string,
  arrays: Arrays,
  row: number,
  value: string,
): tf.Tensor {
  return launch(block, {
    label,
    arrays,
    shape: [block.u.shape[3]],
    body: `
  if (index >= uniforms.size) { return; }
  let c = index;
  var total = 0f;
  for (var n = 0; n < uniforms.samples; n++) {
    let at = (n * uniforms.channels + c) * ${row};
    total += ${value};
  }
  result[index] = total;`,
  });
}

/** Rows of `params` in the second backward pass. */
const CBIAS = "params[2 * uniforms.channels + c]";
const CGAMMA = "params[3 * uniforms.channels + c]";
const CBETA = "params[4 * uniforms.channels + c]";

/** G, the cotangent of du, at element i. */
function cotangent(arrays: Arrays): string {
  return ["g1", "g2"].filter((name) => name in arrays).map((name) => `${name}[i]`).concat(CBIAS).join(" + "); // prettier-ignore
}

/** `Σ dy`, `Σ dy·z`, `Σ G`, `Σ G·z`, `Σ G·dy` over the pixels, `[N, C, 5]`. */
export function curvatureSums(block: Block, arrays: Arrays): tf.Tensor {
  const before = `${DY}\n      let g = ${cotangent(arrays)};`;
  const terms = ["dy", "dy * z", "g", "g * z", "g * dy"];
  return pixelSums(block, "curvature sums", arrays, { before, terms });
}

/** Numbers that the second backward pass needs of each set. */
const CURVATURES = 6;

/**
 * Of every set: mean(dz), mean(dz·z), mean(G), mean(G·z), mean(z̄), and mean(z̄·z) + mean(G·du), `[sets, 6]`. The last two follow from sums
 * of dy, G and their products with z, because z̄ and du are sums of those.
 */
export function curvatureMeans(
  block: Block,
  sums: tf.Tensor,
  stats: tf.Tensor,
  params: tf.Tensor,
): tf.Tensor {
  const { count, size } = sets(block);
  return launch(block, {
    label: "curvature means",
    arrays: { sums, stats, params },
    shape: [count, CURVATURES],
    body: `
  if (index >= ${count}) { return; }
  var dz = 0f;
  var dzz = 0f;
  var g = 0f;
  var gz = 0f;
  var gdz = 0f;
  var e = 0f;
  var ez = 0f;
${overSet(
  block,
  `    let at = 5 * (n * uniforms.channels + c);
    let gamma = params[c];
    let cgamma = ${CGAMMA};
    dz += gamma * sums[at] / ${float(size)};
    dzz += gamma * sums[at + 1] / ${float(size)};
    g += sums[at + 2] / ${float(size)};
    gz += sums[at + 3] / ${float(size)};
    gdz += gamma * sums[at + 4] / ${float(size)};
    e += cgamma * sums[at] / ${float(size)};
    ez += cgamma * sums[at + 1] / ${float(size)};`,
)}
  let r = stats[2 * index + 1];
  let to = ${CURVATURES} * index;
  result[to] = dz;
  result[to + 1] = dzz;
  result[to + 2] = g;
  result[to + 3] = gz;
  result[to + 4] = e - r * (g * dzz + dz * gz);
  result[to + 5] = ez - 2f * r * gz * dzz + r * (gdz - dz * g - dzz * gz);`,
  });
}

/** `ū = r·(z̄ − mean(z̄) − z·(mean(z̄·z) + mean(G·du)))` with `z̄ = −r·(G·mean(dz·z) + dz·mean(G·z)) + Γ·dy`. */
export function convolutionCurvature(block: Block, arrays: Arrays): tf.Tensor4D {
  return elementwise(
    block,
    "curvature",
    arrays,
    `${DY}
  let at = ${CURVATURES} * setOf(n, c);
  let g = ${cotangent(arrays)};
  let r = rOf(n, c);
  let zBar = ${CGAMMA} * dy - r * (g * curvature[at + 1] + gammaOf(c) * dy * curvature[at + 3]);
  result[index] = r * (zBar - curvature[at + 4] - z * curvature[at + 5]);`,
  );
}

/** `dp̄ = pool(dȳ·M)` with `dȳ = γ·dz̄ + Γ·z + Β` and `dz̄ = r·(G − mean(G) − z·mean(G·z))`. */
export function pooledCotangent(block: Block, arrays: Arrays): tf.Tensor4D {
  const dzBar =
    block.attrs.norm === "none"
      ? "g"
      : `rOf(n, c) * (g - curvature[${CURVATURES} * setOf(n, c) + 2] - z * curvature[${CURVATURES} * setOf(n, c) + 3])`;
  return pooling(
    block,
    "pooled cotangent",
    arrays,
    `  let z = zAt(i, n, c);
  let g = ${cotangent(arrays)};
  let dyBar = gammaOf(c) * ${dzBar} + ${CGAMMA} * z + ${CBETA};
  return dyBar * slopeOf(yAt(i, n, c));`,
  );
}

/** `γ̄ = Σ dz̄·dy`, from the sums alone, `[C]`. */
export function gammaCurvature(
  block: Block,
  sums: tf.Tensor,
  stats: tf.Tensor,
  curvature: tf.Tensor,
): tf.Tensor {
  const set =
    block.attrs.norm === "batch"
      ? "c"
      : "(n * (uniforms.channels / uniforms.setChannels) + c / uniforms.setChannels)";
  return sampleSums(
    block,
    "gamma curvature",
    { sums, stats, curvature },
    5,
    `stats[2 * ${set} + 1] * (sums[at + 4] - curvature[${CURVATURES} * ${set} + 2] * sums[at] - curvature[${CURVATURES} * ${set} + 3] * sums[at + 1])`,
  );
}
