/** The WGSL of the fused block: what its programs share, after the formulas and names of {@link ConvBlockAttrs}. */
import type { ConvBlockAttrs } from "@limbeck/native";

/** How the arrays of one launch stand. */
export interface SourceOptions {
  /** γ and β as two arrays, as the first two rows of `params`, or absent: 1 and 0. */
  readonly affine: "arrays" | "params" | "none";
  /** Whether `stats` (mean and r of each set) is bound; without normalisation there is none. */
  readonly hasDp: boolean;
  /** Whether `dattention` and `dchannelAttention` are bound. */
  readonly hasAttention: boolean;
}

/** A number as WGSL writes a float32. */
export function float(value: number): string {
  return `${value}f`;
}

/** `|a|^power` for a power known beforehand. */
export function absolutePower(a: string, power: number): string {
  if (power === 0) return "1f";
  if (Number.isInteger(power) && power <= 4)
    return Array.from({ length: power }, () => `abs(${a})`).join(" * ");
  return `select(pow(abs(${a}), ${float(power)}), 0f, ${a} == 0f)`;
}

/** The set that sample n and channel c belong to. */
function setOf({ norm }: ConvBlockAttrs): string {
  if (norm === "batch") return "c";
  return "n * (uniforms.channels / uniforms.setChannels) + c / uniforms.setChannels";
}

function affine(kind: SourceOptions["affine"]): string {
  const gamma = { arrays: "gamma[c]", params: "params[c]", none: "1f" }[kind];
  const beta = { arrays: "beta[c]", params: "params[uniforms.channels + c]", none: "0f" }[kind];
  return `
fn gammaOf(c : i32) -> f32 { return ${gamma}; }
fn betaOf(c : i32) -> f32 { return ${beta}; }`;
}

/** z, r and y of element i, which belongs to sample n and channel c. */
function normalised(attrs: ConvBlockAttrs): string {
  if (attrs.norm === "none") {
    return `
fn rOf(n : i32, c : i32) -> f32 { return 1f; }
fn zAt(i : i32, n : i32, c : i32) -> f32 { return u[i]; }`;
  }
  return `
fn setOf(n : i32, c : i32) -> i32 { return ${setOf(attrs)}; }
fn rOf(n : i32, c : i32) -> f32 { return stats[2 * setOf(n, c) + 1]; }
fn zAt(i : i32, n : i32, c : i32) -> f32 {
  let s = 2 * setOf(n, c);
  return (u[i] - stats[s]) * stats[s + 1];
}`;
}

/** What the gradient of the pooled value, and of the attention, gives back to the activation of element i. */
function returned(attrs: ConvBlockAttrs, { hasAttention }: SourceOptions): string {
  const size = attrs.poolSize;
  const pooled = "dp[pooledIndex(n, h / poolSize, w / poolSize, c)]";
  const inside = "h / poolSize < uniforms.pooledHeight && w / poolSize < uniforms.pooledWidth";
  const fromPool = {
    none: "  da = dp[i];",
    average: `  if (${inside}) { da = ${pooled} / ${float(size * size)}; }`,
    max: `  if (${inside} && chosen(n, h / poolSize, w / poolSize, c) == i) { da = ${pooled}; }`,
  }[attrs.pool];
  const power = attrs.attentionPower;
  const fromAttention = hasAttention
    ? `
  let a = y * slopeOf(y);
  let pixel = (n * uniforms.height + h) * uniforms.width + w;
  da += (dattention[pixel] + dchannelAttention[n * uniforms.channels + c]) * ${float(power)} * sign(a) * ${absolutePower("a", power - 1)};`
    : "";
  return `
fn dyAt(i : i32, n : i32, h : i32, w : i32, c : i32) -> f32 {
  let y = yAt(i, n, c);
  var da = 0f;
${fromPool}${fromAttention}
  return da * slopeOf(y);
}`;
}

/** Declarations that every program of the block may use. Elements are counted as in [N, H, W, C]. */
export function blockSource(attrs: ConvBlockAttrs, options: SourceOptions): string {
  const below = { identity: 1, relu: 0, leakyrelu: attrs.slope }[attrs.activation];
  return `
const poolSize = ${attrs.pool === "none" ? 1 : attrs.poolSize};
fn elementIndex(n : i32, h : i32, w : i32, c : i32) -> i32 {
  return ((n * uniforms.height + h) * uniforms.width + w) * uniforms.channels + c;
}
fn pooledIndex(n : i32, h : i32, w : i32, c : i32) -> i32 {
  return ((n * uniforms.pooledHeight + h) * uniforms.pooledWidth + w) * uniforms.channels + c;
}
${affine(options.affine)}
${normalised(attrs)}
fn yAt(i : i32, n : i32, c : i32) -> f32 { return zAt(i, n, c) * gammaOf(c) + betaOf(c); }
fn slopeOf(y : f32) -> f32 { return select(${float(below)}, 1f, y > 0f); }
// The first element of a pooling window with its largest y.
fn chosen(n : i32, ph : i32, pw : i32, c : i32) -> i32 {
  var best = elementIndex(n, ph * poolSize, pw * poolSize, c);
  var most = yAt(best, n, c);
  for (var k = 1; k < poolSize * poolSize; k++) {
    let i = elementIndex(n, ph * poolSize + k / poolSize, pw * poolSize + k % poolSize, c);
    let y = yAt(i, n, c);
    if (y > most) { most = y; best = i; }
  }
  return best;
}
${options.hasDp ? returned(attrs, options) : ""}`;
}
