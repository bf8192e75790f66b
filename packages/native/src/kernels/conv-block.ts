import type { TensorInfo } from "@tensorflow/tfjs-core";
import {
  CONV_BLOCK,
  CONV_BLOCK_GRAD,
  CONV_BLOCK_GRAD_GRAD,
  type ConvBlockAttrs,
  type ConvBlockGradAttrs,
} from "../conv-block.ts";
import type { NativeBackend } from "../native-backend.ts";
import { type KernelCall, type KernelTable, sizeOf } from "./native-kernel.ts";

const NORMS = ["none", "group", "batch"];
const ACTIVATIONS = ["identity", "relu", "leakyrelu"];
const POOLS = ["none", "average", "max"];
const ABSENT: readonly number[] = [0];

/** The sizes of one block, and its shape as the addon takes it. */
interface Block {
  readonly shape: number[];
  readonly x: readonly number[];
  readonly filter: readonly number[];
  readonly channels: readonly number[];
  readonly map: readonly number[];
  readonly pooled: readonly number[];
}

function indexIn(list: readonly string[], name: string, attribute: string): number {
  const index = list.indexOf(name);
  if (index < 0)
    throw new Error(`ConvBlock: \`${attribute}\`: one of ${list.join(", ")} is wanted, got "${name}"`);
  return index;
}

function describe({ inputs, attrs }: KernelCall): Block {
  const a = attrs as unknown as ConvBlockAttrs;
  const [x, filter] = [inputs["x"]!, inputs["filter"]!];
  for (const [name, info] of Object.entries(inputs)) {
    if (info != null && info.dtype !== "float32") {
      throw new Error(`ConvBlock: \`${name}\`: float32 is wanted, got ${info.dtype}; cast it`);
    }
  }
  if (
    x.shape.length !== 4 ||
    filter.shape.length !== 4 ||
    filter.shape[2] !== x.shape[3] ||
    sizeOf(x.shape) === 0
  ) {
    throw new Error(
      `ConvBlock: x [N,H,W,C] and a filter [kh,kw,C,O] are wanted, none empty, got [${x.shape}] and [${filter.shape}]`,
    );
  }
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const [kh, kw, , o] = filter.shape as [number, number, number, number];
  const oh = Math.floor((h + 2 * a.pad - kh) / a.stride) + 1;
  const ow = Math.floor((w + 2 * a.pad - kw) / a.stride) + 1;
  const window = a.pool === "none" ? 1 : a.poolSize;
  return {
    shape: [
      n,
      h,
      w,
      c,
      o,
      kh,
      kw,
      a.stride,
      a.pad,
      indexIn(NORMS, a.norm, "norm"),
      a.norm === "group" ? a.groups : 0,
      a.epsilon,
      indexIn(ACTIVATIONS, a.activation, "activation"),
      a.slope,
      indexIn(POOLS, a.pool, "pool"),
      a.pool === "none" ? 0 : a.poolSize,
      a.attentionPower,
    ],
    x: x.shape,
    filter: filter.shape,
    channels: [o],
    map: [n, oh, ow],
    pooled: [n, Math.floor(oh / window), Math.floor(ow / window), o],
  };
}

function floatsOrNull(backend: NativeBackend, info: TensorInfo | undefined | null): Float32Array | null {
  return info == null || sizeOf(info.shape) === 0 ? null : backend.floats(info);
}

function blockInputs({ inputs, backend }: KernelCall): (Float32Array | null)[] {
  return ["x", "filter", "bias", "gamma", "beta"].map((name) => floatsOrNull(backend, inputs[name]));
}

/** Makes the outputs that are wanted, lets `compute` write them, and puts `[0]` in the place of the others. */
function produceAll(
  backend: NativeBackend,
  shapes: readonly (readonly number[] | undefined)[],
  compute: (arrays: (Float32Array | null)[]) => void,
): TensorInfo[] {
  const arrays = shapes.map((shape) => (shape === undefined ? null : backend.pool.floats(sizeOf(shape))));
  try {
    compute(arrays);
  } catch (error) {
    for (const array of arrays) if (array !== null) backend.pool.recycle(array);
    throw error;
  }
  return arrays.map((array, i) =>
    backend.store(array ?? new Float32Array(0), shapes[i] ?? ABSENT, "float32"),
  );
}

function forward(call: KernelCall): TensorInfo[] {
  const { backend, attrs } = call;
  const block = describe(call);
  const saved = backend.addon.blockSavedSize(block.shape);
  const attention = (attrs["attentionPower"] as number) === 0 ? undefined : block.map;
  const moments = attrs["norm"] === "batch" ? [2, ...block.channels] : undefined;
  const channelAttention = attention && [block.x[0]!, ...block.channels];
  const shapes = [block.pooled, attention, saved === 0 ? undefined : [saved], moments, channelAttention];
  return produceAll(backend, shapes, (outputs) =>
    backend.addon.blockForward(block.shape, ...blockInputs(call), ...outputs),
  );
}

/** Shapes of the gradients in x, filter, bias, gamma and beta; undefined for those that are not computed. */
function gradientShapes({ inputs, attrs }: KernelCall, block: Block): (readonly number[] | undefined)[] {
  const { wantImages, wantParameters } = attrs as unknown as ConvBlockGradAttrs;
  const channels = (name: string) => (wantParameters && inputs[name] != null ? block.channels : undefined);
  return [
    wantImages ? block.x : undefined,
    wantParameters ? block.filter : undefined,
    channels("bias"),
    channels("gamma"),
    channels("beta"),
  ];
}

function savedOf({ attrs, backend }: KernelCall): Float32Array | null {
  return floatsOrNull(backend, attrs["saved"] as TensorInfo | undefined);
}

function backward(call: KernelCall): TensorInfo[] {
  const { backend, inputs } = call;
  const block = describe(call);
  return produceAll(backend, gradientShapes(call, block), (outputs) =>
    backend.addon.blockBackward(
      block.shape,
      ...blockInputs(call),
      savedOf(call),
      backend.floats(inputs["dpooled"]!),
      floatsOrNull(backend, inputs["dattention"]),
      floatsOrNull(backend, inputs["dchannelAttention"]),
      ...outputs,
    ),
  );
}

function backwardBackward(call: KernelCall): TensorInfo[] {
  const { backend, inputs } = call;
  const block = describe(call);
  const cotangents = ["cx", "cfilter", "cbias", "cgamma", "cbeta"].map((name) =>
    floatsOrNull(backend, inputs[name]),
  );
  return produceAll(backend, [block.pooled, ...gradientShapes(call, block)], (outputs) =>
    backend.addon.blockBackwardBackward(
      block.shape,
      ...blockInputs(call),
      savedOf(call),
      backend.floats(inputs["dpooled"]!),
      ...cotangents,
      ...outputs,
    ),
  );
}

/** The fused block of convolution, normalisation, activation and pooling, and its first and second backward passes. */
export const convBlockKernels: KernelTable = {
  [CONV_BLOCK]: forward,
  [CONV_BLOCK_GRAD]: backward,
  [CONV_BLOCK_GRAD_GRAD]: backwardBackward,
};
