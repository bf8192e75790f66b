import * as tf from "@tensorflow/tfjs-core";
import { elementwiseKernels } from "./elementwise.ts";
import { areFloats, type KernelCall, type KernelTable, sizeOf } from "./native-kernel.ts";

type Activation = tf.backend_util.Activation;

/** Applies a fused kernel's activation; `current` is used up. */
function activate(
  call: KernelCall,
  current: tf.TensorInfo,
  activation: Activation | undefined,
): tf.TensorInfo | undefined {
  if (activation == null || activation === "linear") return current;
  const { backend, inputs, attrs } = call;
  const kernels: Partial<Record<Activation, string>> = {
    relu: tf.Relu,
    relu6: tf.Relu6,
    elu: tf.Elu,
    sigmoid: tf.Sigmoid,
    prelu: tf.Prelu,
    leakyrelu: tf.LeakyRelu,
  };
  const name = kernels[activation];
  const alpha = inputs["preluActivationWeights"];
  const result =
    name === undefined
      ? undefined
      : elementwiseKernels[name]!({
          backend,
          inputs: { x: current, ...(alpha === undefined ? {} : { alpha }) },
          attrs: { alpha: attrs["leakyreluAlpha"] },
        });
  backend.disposeIntermediateTensorInfo(current);
  return result as tf.TensorInfo | undefined;
}

function addBias(call: KernelCall, current: tf.TensorInfo, bias: tf.TensorInfo): tf.TensorInfo {
  const { backend } = call;
  const sum = elementwiseKernels[tf.Add]!({ backend, inputs: { a: current, b: bias }, attrs: {} });
  backend.disposeIntermediateTensorInfo(current);
  return sum as tf.TensorInfo;
}

function matMul({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const [a, b] = [inputs["a"]!, inputs["b"]!];
  if (!areFloats(a, b)) return undefined;
  const transposeA = attrs["transposeA"] === true;
  const transposeB = attrs["transposeB"] === true;
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [inner, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB];
  tf.util.assert(
    k === inner,
    () =>
      `Error in matMul: inner shapes (${k}) and (${inner}) of Tensors with shapes ${a.shape} and ` +
      `${b.shape} and transposeA=${transposeA} and transposeB=${transposeB} must match.`,
  );
  const [outerA, outerB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const outer = tf.backend_util.assertAndGetBroadcastShape(outerA, outerB);
  const [batchA, batchB, batch] = [sizeOf(outerA), sizeOf(outerB), sizeOf(outer)];
  // Batches that are broadcast along some axes only are rare.
  if ((batchA !== batch && batchA !== 1) || (batchB !== batch && batchB !== 1)) return undefined;
  const [repeatA, repeatB] = [batchA === 1, batchB === 1];
  return backend.produce([...outer, m, n], (c) =>
    backend.addon.matmul(
      [batch, m, n, k],
      backend.floats(a),
      repeatA,
      transposeA,
      backend.floats(b),
      repeatB,
      transposeB,
      c,
    ),
  );
}

function fusedMatMul(call: KernelCall): tf.TensorInfo | undefined {
  const { bias, preluActivationWeights } = call.inputs;
  if (!areFloats(bias, preluActivationWeights)) return undefined;
  const product = matMul(call);
  if (product === undefined) return undefined;
  const sum = bias == null ? product : addBias(call, product, bias);
  return activate(call, sum, call.attrs["activation"] as Activation | undefined);
}

type ConvInfo = tf.backend_util.Conv2DInfo;

/** Geometry in the order of the addon's functions; undefined for what they do not do (dilation, channels first). */
function convShape(info: ConvInfo): number[] | undefined {
  if (info.dataFormat !== "channelsLast" || info.dilationHeight !== 1 || info.dilationWidth !== 1)
    return undefined;
  const sizes = [
    info.batchSize,
    info.inHeight,
    info.inWidth,
    info.inChannels,
    info.outChannels,
    info.filterHeight,
    info.filterWidth,
    info.strideHeight,
    info.strideWidth,
    info.padInfo.top,
    info.padInfo.left,
    info.outHeight,
    info.outWidth,
  ];
  const positive = sizes.every((size, i) => size > 0 || i === 9 || i === 10);
  return positive ? sizes : undefined;
}

function convInfo(call: KernelCall, inputShape: number[], filterShape: number[]): ConvInfo {
  const { strides, pad, dataFormat, dilations, dimRoundingMode } = call.attrs as unknown as tf.Conv2DAttrs;
  return tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    false,
    tf.backend_util.convertConv2DDataFormat(dataFormat),
  );
}

function convolve(call: KernelCall, bias: tf.TensorInfo | undefined): tf.TensorInfo | undefined {
  const { inputs, backend } = call;
  const [x, filter] = [inputs["x"]!, inputs["filter"]!];
  if (!areFloats(x, filter)) return undefined;
  const info = convInfo(call, x.shape, filter.shape);
  const shape = convShape(info);
  if (shape === undefined || filter.shape[2] !== info.inChannels) return undefined;
  return backend.produce(info.outShape, (y) =>
    backend.addon.convForward(
      shape,
      backend.floats(x),
      backend.floats(filter),
      bias === undefined ? null : backend.floats(bias),
      y,
    ),
  );
}

function fusedConv(call: KernelCall): tf.TensorInfo | undefined {
  const { filter, bias, preluActivationWeights } = call.inputs;
  if (!areFloats(bias, preluActivationWeights) || call.attrs["dataFormat"] === "NCHW") return undefined;
  const perChannel = bias != null && sizeOf(bias.shape) === filter!.shape[3] ? bias : undefined;
  const y = convolve(call, perChannel);
  if (y === undefined) return undefined;
  const sum = bias == null || bias === perChannel ? y : addBias(call, y, bias);
  return activate(call, sum, call.attrs["activation"] as Activation | undefined);
}

function convBackwardInput(call: KernelCall): tf.TensorInfo | undefined {
  const { inputs, attrs, backend } = call;
  const [dy, filter] = [inputs["dy"]!, inputs["filter"]!];
  if (!areFloats(dy, filter)) return undefined;
  const info = convInfo(call, attrs["inputShape"] as number[], filter.shape);
  const shape = convShape(info);
  if (shape === undefined) return undefined;
  return backend.produce(info.inShape, (dx) =>
    backend.addon.convBackwardInput(shape, backend.floats(dy), backend.floats(filter), dx),
  );
}

function convBackwardFilter(call: KernelCall): tf.TensorInfo | undefined {
  const { inputs, attrs, backend } = call;
  const [x, dy] = [inputs["x"]!, inputs["dy"]!];
  if (!areFloats(x, dy)) return undefined;
  const info = convInfo(call, x.shape, attrs["filterShape"] as number[]);
  const shape = convShape(info);
  if (shape === undefined) return undefined;
  return backend.produce(info.filterShape, (dfilter) =>
    backend.addon.convBackwardFilter(shape, backend.floats(x), backend.floats(dy), dfilter),
  );
}

/** Matrix products and convolutions. */
export const productKernels: KernelTable = {
  [tf.BatchMatMul]: matMul,
  [tf._FusedMatMul]: fusedMatMul,
  [tf.Conv2D]: (call) => convolve(call, undefined),
  [tf.FusedConv2D]: fusedConv,
  [tf.Conv2DBackpropFilter]: convBackwardFilter,
  [tf.Conv2DBackpropInput]: convBackwardInput,
};
