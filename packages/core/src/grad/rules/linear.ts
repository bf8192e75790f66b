import * as tf from "@tensorflow/tfjs-core";

/** The attributes that the three convolution kernels share. */
function convolutionAttributes(attrs: tf.NamedAttrMap): tf.NamedAttrMap {
  const names = ["strides", "pad", "dataFormat", "dimRoundingMode"];
  return Object.fromEntries(names.map((name) => [name, attrs[name]!]));
}

/** `x ⋆ filter`, [N, H, W, C] by [kh, kw, C, O]. */
function convolve(x: tf.Tensor, filter: tf.Tensor, attrs: tf.NamedAttrMap): tf.Tensor {
  const attributes = { ...convolutionAttributes(attrs), dilations: 1 };
  return tf.engine().runKernel(tf.Conv2D, { x, filter }, attributes);
}

/** Transpose of the convolution in its input. */
export function convolutionToInput(
  dy: tf.Tensor,
  filter: tf.Tensor,
  inputShape: number[],
  attrs: tf.NamedAttrMap,
): tf.Tensor {
  const attributes = { ...convolutionAttributes(attrs), inputShape };
  return tf.engine().runKernel(tf.Conv2DBackpropInput, { dy, filter }, attributes);
}

/** Transpose of the convolution in its filter. */
export function convolutionToFilter(
  x: tf.Tensor,
  dy: tf.Tensor,
  filterShape: number[],
  attrs: tf.NamedAttrMap,
): tf.Tensor {
  const attributes = { ...convolutionAttributes(attrs), filterShape };
  return tf.engine().runKernel(tf.Conv2DBackpropFilter, { x, dy }, attributes);
}

/**
 * Gradients of the products. The three convolutions are one trilinear form ⟨x ⋆ w, t⟩ seen from its three arguments, so each
 * one's gradients are the other two.
 */
export function linearGradients(): tf.GradConfig[] {
  return [
    {
      kernelName: tf.Conv2D,
      inputsToSave: ["x", "filter"],
      gradFunc: (dy, saved, attrs) => {
        const [x, filter] = saved as [tf.Tensor, tf.Tensor];
        return {
          x: () => convolutionToInput(dy as tf.Tensor, filter, x.shape, attrs),
          filter: () => convolutionToFilter(x, dy as tf.Tensor, filter.shape, attrs),
        };
      },
    },
    {
      kernelName: tf.Conv2DBackpropInput,
      inputsToSave: ["dy", "filter"],
      gradFunc: (ddx, saved, attrs) => {
        const [dy, filter] = saved as [tf.Tensor, tf.Tensor];
        return {
          dy: () => convolve(ddx as tf.Tensor, filter, attrs),
          filter: () => convolutionToFilter(ddx as tf.Tensor, dy, filter.shape, attrs),
        };
      },
    },
    {
      kernelName: tf.Conv2DBackpropFilter,
      inputsToSave: ["x", "dy"],
      gradFunc: (ddw, saved, attrs) => {
        const [x, dy] = saved as [tf.Tensor, tf.Tensor];
        return {
          x: () => convolutionToInput(dy, ddw as tf.Tensor, x.shape, attrs),
          dy: () => convolve(x, ddw as tf.Tensor, attrs),
        };
      },
    },
    {
      kernelName: tf.BatchMatMul,
      inputsToSave: ["a", "b"],
      gradFunc: (dy, saved, attrs) => {
        const [a, b] = saved as [tf.Tensor, tf.Tensor];
        return matMulGradients(
          dy as tf.Tensor,
          a,
          b,
          attrs["transposeA"] as boolean,
          attrs["transposeB"] as boolean,
        );
      },
    },
  ];
}

/** Gradients of `op(a) · op(b)`; the batch may be broadcast. */
function matMulGradients(
  dy: tf.Tensor,
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA: boolean,
  transposeB: boolean,
) {
  return {
    a: () =>
      unbatch(
        transposeA ? tf.matMul(b, dy, transposeB, true) : tf.matMul(dy, b, false, !transposeB),
        a.shape,
      ),
    b: () =>
      unbatch(
        transposeB ? tf.matMul(dy, a, true, transposeA) : tf.matMul(a, dy, !transposeA, false),
        b.shape,
      ),
  };
}

/** Sums a batch of products back to an operand that was broadcast over it. */
function unbatch(product: tf.Tensor, shape: number[]): tf.Tensor {
  const axes = shape.flatMap((length, axis) => (length === 1 && product.shape[axis] !== 1 ? [axis] : []));
  return axes.length > 0 ? tf.reshape(tf.sum(product, axes, true), shape) : product;
}
