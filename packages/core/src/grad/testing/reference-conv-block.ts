/**
 * Test support: a back end `reference`, the plain JavaScript one plus the three kernels of the fused block, each written out
 * from its formulas in plain operations. It shows that the fused path hands the right things to the kernels, on every machine.
 */
import * as tf from "@tensorflow/tfjs-core";
import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import {
  CONV_BLOCK,
  CONV_BLOCK_GRAD,
  CONV_BLOCK_GRAD_GRAD,
  type ConvBlockAttrs,
  type ConvBlockGradAttrs,
} from "@limbeck/native";
import { convolutionToFilter, convolutionToInput } from "../rules/linear.ts";

type Tensors = Readonly<Record<string, tf.Tensor | undefined>>;

function sum(...terms: (tf.Tensor | undefined)[]): tf.Tensor {
  return terms.filter((term) => term !== undefined).reduce((a, b) => tf.add(a, b));
}

function convAttributes(attrs: ConvBlockAttrs): tf.NamedAttrMap {
  return { strides: [attrs.stride, attrs.stride], pad: attrs.pad, dataFormat: "NHWC" };
}

function conv(x: tf.Tensor, filter: tf.Tensor, attrs: ConvBlockAttrs): tf.Tensor {
  return tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, attrs.stride, attrs.pad);
}

/** Mean over each normalised set, at every element of the set: `[N, H, W, C]` → same shape. */
function setMean(x: tf.Tensor, { norm, groups }: ConvBlockAttrs): tf.Tensor {
  if (norm === "batch") return tf.add(tf.zerosLike(x), tf.mean(x, [0, 1, 2], true));
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const grouped = tf.reshape(x, [n, h * w, groups, c / groups]);
  return tf.reshape(tf.add(tf.zerosLike(grouped), tf.mean(grouped, [1, 3], true)), x.shape);
}

function perChannel(x: tf.Tensor): tf.Tensor {
  return tf.sum(x, [0, 1, 2]);
}

/** Quantities of the forward pass, by the names of the formulas; r is spread over its set. */
function forwardPass(inputs: Tensors, attrs: ConvBlockAttrs) {
  const { x, filter, bias, gamma, beta } = inputs;
  const u = sum(conv(x!, filter!, attrs), bias);
  let z = u;
  let r = tf.onesLike(u);
  if (attrs.norm !== "none") {
    const centred = tf.sub(u, setMean(u, attrs));
    r = tf.rsqrt(tf.add(setMean(tf.square(centred), attrs), attrs.epsilon));
    z = tf.mul(centred, r);
  }
  const y = sum(gamma === undefined ? z : tf.mul(z, gamma), beta);
  const below = attrs.activation === "identity" ? 1 : attrs.activation === "relu" ? 0 : attrs.slope;
  const mask = tf.where(tf.greater(y, 0), tf.onesLike(y), tf.fill(y.shape, below));
  return { u, z, r, mask, a: tf.mul(y, mask) };
}

function poolAttributes(attrs: ConvBlockAttrs): tf.NamedAttrMap {
  const size: [number, number] = [attrs.poolSize, attrs.poolSize];
  return { filterSize: size, strides: size, pad: "valid" };
}

function pool(a: tf.Tensor, attrs: ConvBlockAttrs): tf.Tensor {
  const x = a as tf.Tensor4D;
  if (attrs.pool === "none") return tf.clone(x);
  return attrs.pool === "max"
    ? tf.maxPool(x, attrs.poolSize, attrs.poolSize, "valid")
    : tf.avgPool(x, attrs.poolSize, attrs.poolSize, "valid");
}

/** Transpose of {@link pool} at the activation `a`. */
function unpool(dp: tf.Tensor, a: tf.Tensor, attrs: ConvBlockAttrs): tf.Tensor {
  if (attrs.pool === "none") return tf.clone(dp);
  if (attrs.pool === "average")
    return tf.engine().runKernel(tf.AvgPoolGrad, { dy: dp, input: a }, poolAttributes(attrs));
  return tf
    .engine()
    .runKernel(tf.MaxPoolGrad, { dy: dp, input: a, output: pool(a, attrs) }, poolAttributes(attrs));
}

/** Pooling along the choices that the activation `a` made: its own linear map, also for max pooling. */
function poolAlong(t: tf.Tensor, a: tf.Tensor, attrs: ConvBlockAttrs): tf.Tensor {
  if (attrs.pool !== "max") return pool(t, attrs);
  const chosen = unpool(tf.onesLike(pool(a, attrs)), a, attrs);
  const area = attrs.poolSize * attrs.poolSize;
  return tf.mul(pool(tf.mul(t, chosen), { ...attrs, pool: "average" }), area);
}

function backwardPass(inputs: Tensors, attrs: ConvBlockAttrs) {
  const forward = forwardPass(inputs, attrs);
  const { z, r, mask, a } = forward;
  let da = unpool(inputs["dpooled"]!, a, attrs);
  const { dattention, dchannelAttention } = inputs;
  if (dattention !== undefined) {
    const slope = tf.mul(
      attrs.attentionPower,
      tf.mul(tf.sign(a), tf.pow(tf.abs(a), attrs.attentionPower - 1)),
    );
    const upstream = tf.add(
      tf.expandDims(dattention, 3),
      tf.reshape(dchannelAttention!, [z.shape[0]!, 1, 1, -1]),
    );
    da = tf.add(da, tf.mul(upstream, slope));
  }
  const dy = tf.mul(da, mask);
  const dz = inputs["gamma"] === undefined ? dy : tf.mul(dy, inputs["gamma"]);
  const mean = (t: tf.Tensor) => setMean(t, attrs);
  const du =
    attrs.norm !== "none" ? tf.mul(r, tf.sub(tf.sub(dz, mean(dz)), tf.mul(z, mean(tf.mul(dz, z))))) : dz;
  return { ...forward, dy, dz, du, mean };
}

const NOTHING = () => tf.zeros([0]);

function convBlockKernel(inputs: Tensors, attrs: ConvBlockAttrs): tf.Tensor[] {
  const { u, a } = forwardPass(inputs, attrs);
  const size = tf.pow(tf.abs(a), attrs.attentionPower);
  const attention = (axes: number[]) => (attrs.attentionPower === 0 ? NOTHING() : tf.sum(size, axes));
  const { mean, variance } = tf.moments(u, [0, 1, 2]);
  const moments = attrs.norm === "batch" ? tf.stack([mean, variance]) : NOTHING();
  return [pool(a, attrs), attention([3]), tf.scalar(SAVED), moments, attention([1, 2])];
}

/** What the forward pass saves: enough to see that it is still alive in the backward passes. */
const SAVED = 42;

function checkSaved(attrs: ConvBlockGradAttrs): void {
  const saved = attrs.saved as tf.Tensor;
  if (saved.isDisposed || saved.dataSync()[0] !== SAVED)
    throw new Error("reference: what the forward pass saved is gone");
}

function convBlockGradKernel(inputs: Tensors, attrs: ConvBlockGradAttrs): tf.Tensor[] {
  checkSaved(attrs);
  const { x, filter } = inputs as { x: tf.Tensor; filter: tf.Tensor };
  const { dy, du, z } = backwardPass(inputs, attrs);
  const parameter = (present: boolean, gradient: () => tf.Tensor) =>
    attrs.wantParameters && present ? gradient() : NOTHING();
  return [
    attrs.wantImages ? convolutionToInput(du, filter, x.shape, convAttributes(attrs)) : NOTHING(),
    parameter(true, () => convolutionToFilter(x, du, filter.shape, convAttributes(attrs))),
    parameter(inputs["bias"] !== undefined, () => perChannel(du)),
    parameter(inputs["gamma"] !== undefined, () => perChannel(tf.mul(dy, z))),
    parameter(inputs["beta"] !== undefined, () => perChannel(dy)),
  ];
}

function convBlockGradGradKernel(inputs: Tensors, attrs: ConvBlockGradAttrs): tf.Tensor[] {
  checkSaved(attrs);
  const { x, filter, gamma, cx, cfilter, cbias, cgamma, cbeta } = inputs as Readonly<
    Record<string, tf.Tensor>
  >;
  const { z, r, mask, a, dy, dz, du, mean } = backwardPass(inputs, attrs);
  const zero = tf.zerosLike(z);
  const times = (t: tf.Tensor, factor: tf.Tensor | undefined) =>
    factor === undefined ? zero : tf.mul(t, factor);
  const g = sum(
    zero,
    cx === undefined ? undefined : conv(cx, filter!, attrs),
    cfilter === undefined ? undefined : conv(x!, cfilter, attrs),
    cbias,
  );
  let dzBar = g;
  let uBar = zero;
  if (attrs.norm !== "none") {
    dzBar = tf.mul(r, tf.sub(tf.sub(g, mean(g)), tf.mul(z, mean(tf.mul(g, z)))));
    const curved = tf.add(tf.mul(g, mean(tf.mul(dz, z))), tf.mul(dz, mean(tf.mul(g, z))));
    const zBar = sum(tf.neg(tf.mul(r, curved)), times(dy, cgamma));
    // Σ over the set of G·du / r, divided by n: the mean.
    const rBar = tf.div(mean(tf.mul(g, du)), r);
    const projected = tf.sub(tf.sub(zBar, mean(zBar)), tf.mul(z, mean(tf.mul(zBar, z))));
    uBar = tf.sub(tf.mul(r, projected), tf.mul(tf.mul(tf.square(r), z), rBar));
  }
  const dyBar = sum(gamma === undefined ? dzBar : tf.mul(dzBar, gamma), times(z, cgamma), cbeta);
  const toInput = (t: tf.Tensor, w: tf.Tensor) => convolutionToInput(t, w, x!.shape, convAttributes(attrs));
  const toFilter = (s: tf.Tensor, t: tf.Tensor) =>
    convolutionToFilter(s, t, filter!.shape, convAttributes(attrs));
  const parameter = (present: boolean, gradient: () => tf.Tensor) =>
    attrs.wantParameters && present ? gradient() : NOTHING();
  return [
    poolAlong(tf.mul(dyBar, mask), a, attrs),
    attrs.wantImages
      ? sum(toInput(uBar, filter!), cfilter === undefined ? undefined : toInput(du, cfilter))
      : NOTHING(),
    parameter(true, () => sum(toFilter(x!, uBar), cx === undefined ? undefined : toFilter(cx, du))),
    parameter(inputs["bias"] !== undefined, () => perChannel(uBar)),
    parameter(gamma !== undefined, () => perChannel(tf.mul(dzBar, dy))),
    parameter(inputs["beta"] !== undefined, () => tf.zeros(inputs["beta"]!.shape)),
  ];
}

/** Registers the back end `reference` once. */
export function registerReferenceBackEnd(): void {
  if (tf.findBackend("reference") !== null) return;
  tf.copyRegisteredKernels("cpu", "reference");
  tf.registerBackend("reference", () => new MathBackendCPU());
  const kernels = {
    [CONV_BLOCK]: convBlockKernel,
    [CONV_BLOCK_GRAD]: convBlockGradKernel,
    [CONV_BLOCK_GRAD_GRAD]: convBlockGradGradKernel,
  } as Readonly<Record<string, (inputs: Tensors, attrs: ConvBlockGradAttrs) => tf.Tensor[]>>;
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    tf.registerKernel({
      kernelName,
      backendName: "reference",
      kernelFunc: ({ inputs, attrs }) =>
        tf.tidy(() => kernel(inputs as unknown as Tensors, attrs as unknown as ConvBlockGradAttrs)),
    });
  }
}
