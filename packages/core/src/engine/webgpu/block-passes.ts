/** The launches of the fused block's forward and backward pass between its convolutions; names as in {@link ConvBlockAttrs}. */
import * as tf from "@tensorflow/tfjs-core";
import {
  elementwise,
  isInstance,
  launch,
  overSet,
  pixelSums,
  pooling,
  sets,
  type Arrays,
  type Block,
} from "./block-launch.ts";
import { absolutePower, float } from "./block-source.ts";

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

/** WGSL that names dy and z of the element at hand. */
export const DY = "      let dy = dyAt(i, n, h, w, c);\n      let z = zAt(i, n, c);";

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

/** Numbers that the second backward pass needs of each set. */
export const CURVATURES = 6;

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
