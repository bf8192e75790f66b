import { differentiableOp1, refuseGradient } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

const SWEEPS = 50;
const SMALL = 1e-22;

/**
 * Eigenvalues of a symmetric matrix, by Jacobi rotations in float64. Differentiable once: `dA = Σ dλ_i v_i v_iᵀ`.
 *
 * @param a `[n, n]`, symmetric.
 * @returns `[n]`, in no order.
 */
export function symmetricEigenvalues(a: tf.Tensor2D): tf.Tensor1D {
  return differentiableOp1<tf.Tensor1D>({
    inputs: { a },
    forward: (save) => {
      const n = a.shape[0];
      const { values, vectors } = jacobi(Float64Array.from(a.dataSync()), n);
      save([tf.tensor2d(Float32Array.from(vectors), [n, n])]);
      return tf.tensor1d(Float32Array.from(values));
    },
    backward: (dvalues, [vectors]) => ({
      a: () => {
        const g = tf.matMul(tf.mul(vectors!, dvalues), vectors as tf.Tensor2D, false, true);
        return refuseGradient(g, "symmetricEigenvalues: it has first derivatives only");
      },
    }),
  });
}

/** Rotates the off-diagonal away; column i of `vectors` belongs to value i. */
function jacobi(a: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const v = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  const scale = a.reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p * n + q]! ** 2;
    if (off <= SMALL * scale) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, v, n, p, q);
  }
  return { values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), vectors: v };
}

function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  const turn = (m: Float64Array, i: number, j: number): void => {
    const [x, y] = [m[i]!, m[j]!];
    m[i] = c * x - s * y;
    m[j] = s * x + c * y;
  };
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q);
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k);
  for (let k = 0; k < n; k++) turn(v, k * n + p, k * n + q);
}
