/** The launches of the fused block's second backward pass between its convolutions; names as in the formulas of {@link ConvBlockAttrs}. */
import type * as tf from "@tensorflow/tfjs-core";
import {
  elementwise,
  launch,
  overSet,
  pixelSums,
  pooling,
  sets,
  type Arrays,
  type Block,
} from "./block-launch.ts";
import { CURVATURES, DY, sampleSums } from "./block-passes.ts";
import { float } from "./block-source.ts";

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
