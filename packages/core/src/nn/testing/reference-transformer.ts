/** Test support: transformers as plain loops in float64, written independently of the layers they check. */

/** Rows of numbers: tokens of one image, or a weight matrix `[in, out]`. */
type Matrix = Float64Array[];

interface Reader {
  vector(length: number): Float64Array;
  matrix(rows: number, columns: number): Matrix;
  finish(): void;
}

function readerOf(theta: Float64Array): Reader {
  let at = 0;
  const vector = (length: number): Float64Array => theta.subarray(at, (at += length));
  return {
    vector,
    matrix: (rows, columns) => Array.from({ length: rows }, () => vector(columns)),
    finish() {
      if (at !== theta.length) throw new Error(`reference: theta has ${theta.length}, read ${at}`);
    },
  };
}

function times(x: Matrix, w: Matrix, bias?: Float64Array): Matrix {
  return x.map((row) =>
    Float64Array.from({ length: w[0]!.length }, (_, j) =>
      row.reduce((sum, value, i) => sum + value * w[i]![j]!, bias?.[j] ?? 0),
    ),
  );
}

function plus(a: Matrix, b: Matrix): Matrix {
  return a.map((row, i) => row.map((value, j) => value + b[i]![j]!));
}

function referenceLayerNorm(x: Matrix, gamma: Float64Array, beta: Float64Array): Matrix {
  return x.map((row) => {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return row.map((value, j) => (gamma[j]! * (value - mean)) / Math.sqrt(variance + 1e-5) + beta[j]!);
  });
}

/** erf by its series, to the last digits of a float64 for |x| < 5. */
function referenceErf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** Attention of one image's tokens, head by head. */
function referenceAttention(q: Matrix, k: Matrix, v: Matrix, heads: number): Matrix {
  const width = q[0]!.length;
  const each = width / heads;
  const out = q.map(() => new Float64Array(width));
  for (let head = 0; head < heads; head++) {
    const own = Array.from({ length: each }, (_, i) => head * each + i);
    q.forEach((row, s) => {
      const products = k.map(
        (other) => own.reduce((sum, c) => sum + row[c]! * other[c]!, 0) / Math.sqrt(each),
      );
      const weights = products.map((product) => Math.exp(product));
      const total = weights.reduce((a, b) => a + b, 0);
      for (const c of own) {
        out[s]![c] = v.reduce((sum, other, t) => sum + (weights[t]! / total) * other[c]!, 0);
      }
    });
  }
  return out;
}

export interface ReferenceVitOptions {
  readonly shape: readonly [number, number, number];
  readonly classes: number;
  readonly depth: number;
  readonly width: number;
}

/** The zoo's ViT: logits `[N, K]` and the tokens after each block `[N, h, w, width]`, row-major. */
export function referenceVit(
  { shape, classes, depth, width }: ReferenceVitOptions,
  theta: Float64Array,
  images: Float64Array,
): { readonly logits: Float64Array; readonly activations: Float64Array[] } {
  const [h, w, c] = shape;
  const patch = Math.max(1, Math.floor(h / 8));
  const heads = Math.max(1, Math.round(width / 32));
  const grid = [h / patch, w / patch] as const;
  const n = images.length / (h * w * c);
  const logits: number[] = [];
  const activations = Array.from({ length: depth }, () => [] as number[]);
  for (let image = 0; image < n; image++) {
    const read = readerOf(theta);
    const filter = read.matrix(patch * patch * c, width);
    const bias = read.vector(width);
    const pixels: Matrix = [];
    for (let r = 0; r < grid[0]; r++)
      for (let s = 0; s < grid[1]; s++) {
        const values: number[] = [];
        for (let i = 0; i < patch; i++)
          for (let j = 0; j < patch; j++)
            for (let ch = 0; ch < c; ch++)
              values.push(images[((image * h + r * patch + i) * w + s * patch + j) * c + ch]!);
        pixels.push(Float64Array.from(values));
      }
    let x = plus(times(pixels, filter, bias), read.matrix(pixels.length, width));
    const linear = (value: Matrix, inputs: number, outputs: number): Matrix => {
      const weight = read.matrix(inputs, outputs);
      return times(value, weight, read.vector(outputs));
    };
    for (let block = 0; block < depth; block++) {
      const a = referenceLayerNorm(x, read.vector(width), read.vector(width));
      const [q, k, v] = [0, 1, 2].map(() => linear(a, width, width)) as [Matrix, Matrix, Matrix];
      x = plus(x, linear(referenceAttention(q, k, v, heads), width, width));
      const b = referenceLayerNorm(x, read.vector(width), read.vector(width));
      const hidden = linear(b, width, 4 * width).map((row) =>
        row.map((value) => (value / 2) * (1 + referenceErf(value / Math.SQRT2))),
      );
      x = plus(x, linear(hidden, 4 * width, width));
      activations[block]!.push(...x.flatMap((row) => [...row]));
    }
    x = referenceLayerNorm(x, read.vector(width), read.vector(width));
    const mean = Float64Array.from({ length: width }, (_, j) =>
      x.reduce((sum, row) => sum + row[j]! / x.length, 0),
    );
    logits.push(...linear([mean], width, classes)[0]!);
    read.finish();
  }
  return {
    logits: Float64Array.from(logits),
    activations: activations.map((each) => Float64Array.from(each)),
  };
}
