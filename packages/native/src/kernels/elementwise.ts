import * as tf from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../native-backend.ts";
import { areFloats, type KernelCall, type KernelTable, type NativeKernel, sizeOf } from "./native-kernel.ts";

/** Position of an operation in the addon's list of that kind. */
function lookUp(
  names: (backend: NativeBackend) => string[],
  name: string,
): (backend: NativeBackend) => number {
  let index = -1;
  return (backend) => {
    if (index < 0) index = names(backend).indexOf(name);
    return index;
  };
}

/** y = op(x), with up to two attributes as parameters. */
function unary(operation: string, first?: string, second?: string): NativeKernel {
  const index = lookUp((backend) => backend.addon.unaryNames(), operation);
  return ({ inputs, attrs, backend }) => {
    const x = inputs["x"]!;
    if (!areFloats(x)) return undefined;
    const p = first === undefined ? 0 : (attrs[first] as number);
    const q = second === undefined ? 0 : (attrs[second] as number);
    return backend.produce(x.shape, (y) => backend.addon.unary(index(backend), backend.floats(x), y, p, q));
  };
}

/** y = op(a, b) with broadcasting; `a` and `b` name the kernel's inputs. */
function binary(operation: string, a = "a", b = "b"): NativeKernel {
  const index = lookUp((backend) => backend.addon.binaryNames(), operation);
  return ({ inputs, backend }) => {
    const [left, right] = [inputs[a]!, inputs[b]!];
    if (!areFloats(left, right)) return undefined;
    return applyBinary(backend, index(backend), left, right);
  };
}

/** Shapes of the result and of both operands for the addon: flat where no axis is broadcast, for short shapes are quicker to pass. */
function broadcastShapes(shape: readonly number[], a: tf.TensorInfo, b: tf.TensorInfo) {
  if (!tf.util.arraysEqual(a.shape, b.shape)) return [shape, a.shape, b.shape] as const;
  const flat = [sizeOf(shape)];
  return [flat, flat, flat] as const;
}

function applyBinary(
  backend: NativeBackend,
  index: number,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
): tf.TensorInfo {
  const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const [out, shapeA, shapeB] = broadcastShapes(shape, a, b);
  return backend.produce(shape, (y) =>
    backend.addon.binary(index, out, shapeA, backend.floats(a), shapeB, backend.floats(b), y),
  );
}

function comparison(operation: string): NativeKernel {
  const index = lookUp((backend) => backend.addon.compareNames(), operation);
  return ({ inputs, backend }) => {
    const [a, b] = [inputs["a"]!, inputs["b"]!];
    if (!areFloats(a, b)) return undefined;
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const y = backend.pool.bytes(sizeOf(shape));
    const [out, shapeA, shapeB] = broadcastShapes(shape, a, b);
    backend.addon.compare(index(backend), out, shapeA, backend.floats(a), shapeB, backend.floats(b), y);
    return backend.store(y, shape, "bool");
  };
}

const addIndex = lookUp((backend) => backend.addon.binaryNames(), "add");

function addN({ inputs, backend }: KernelCall): tf.TensorInfo | undefined {
  const tensors = Object.values(inputs);
  const [first, second, ...rest] = tensors;
  if (first === undefined || second === undefined || !areFloats(...tensors)) return undefined;
  const shape = first.shape;
  return backend.produce(shape, (y) => {
    const flat = [sizeOf(shape)];
    const add = (a: Float32Array, b: Float32Array) =>
      backend.addon.binary(addIndex(backend), flat, flat, a, flat, b, y);
    add(backend.floats(first), backend.floats(second));
    for (const tensor of rest) add(y, backend.floats(tensor));
  });
}

function select({ inputs, backend }: KernelCall): tf.TensorInfo | undefined {
  const [condition, t, e] = [inputs["condition"]!, inputs["t"]!, inputs["e"]!];
  const size = sizeOf(t.shape);
  if (!areFloats(t, e) || condition.dtype !== "bool" || sizeOf(condition.shape) !== size) return undefined;
  if (sizeOf(e.shape) !== size) return undefined;
  return backend.produce(t.shape, (y) =>
    backend.addon.select(backend.bytes(condition), backend.floats(t), backend.floats(e), y),
  );
}

function fill({ attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const { shape, value, dtype } = attrs as { shape: number[]; value: number; dtype?: tf.DataType };
  const type = dtype ?? tf.util.inferDtype(value);
  if (type !== "float32" || sizeOf(shape) === 0) return undefined;
  return backend.produce(shape, (y) => backend.addon.fill(y, value));
}

function constantLike(value: number): NativeKernel {
  return ({ inputs, backend }) => {
    const x = inputs["x"]!;
    return areFloats(x) ? backend.produce(x.shape, (y) => backend.addon.fill(y, value)) : undefined;
  };
}

function cast({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const x = inputs["x"]!;
  const dtype = attrs["dtype"] as tf.DataType;
  const size = sizeOf(x.shape);
  if (size === 0) return undefined;
  if (dtype === "float32" && x.dtype === "float32") return backend.reshaped(x, x.shape);
  if (dtype === "float32" && x.dtype === "int32") {
    return backend.produce(x.shape, (y) => backend.addon.castFromInts(backend.ints(x), y));
  }
  if (dtype === "float32" && x.dtype === "bool") {
    return backend.produce(x.shape, (y) => backend.addon.castFromBytes(backend.bytes(x), y));
  }
  if (dtype === "bool" && x.dtype === "float32") {
    const y = backend.pool.bytes(size);
    backend.addon.castToBytes(backend.floats(x), y);
    return backend.store(y, x.shape, "bool");
  }
  if (dtype === "int32" && x.dtype === "float32") {
    const y = backend.pool.ints(size);
    backend.addon.castToInts(backend.floats(x), y);
    return backend.store(y, x.shape, "int32");
  }
  return undefined;
}

/** Element-wise kernels: one or two operands, comparisons, selection, constants and casts. */
export const elementwiseKernels: KernelTable = {
  [tf.Abs]: unary("abs"),
  [tf.Ceil]: unary("ceil"),
  [tf.ClipByValue]: unary("clip", "clipValueMin", "clipValueMax"),
  [tf.Cos]: unary("cos"),
  [tf.Elu]: unary("elu"),
  [tf.Erf]: unary("erf"),
  [tf.Exp]: unary("exp"),
  [tf.Expm1]: unary("expm1"),
  [tf.Floor]: unary("floor"),
  [tf.LeakyRelu]: unary("leakyRelu", "alpha"),
  [tf.Log]: unary("log"),
  [tf.Log1p]: unary("log1p"),
  [tf.Neg]: unary("neg"),
  [tf.Reciprocal]: unary("reciprocal"),
  [tf.Relu]: unary("relu"),
  [tf.Relu6]: unary("relu6"),
  [tf.Round]: unary("round"),
  [tf.Rsqrt]: unary("rsqrt"),
  [tf.Selu]: unary("selu"),
  [tf.Sigmoid]: unary("sigmoid"),
  [tf.Sign]: unary("sign"),
  [tf.Sin]: unary("sin"),
  [tf.Softplus]: unary("softplus"),
  [tf.Sqrt]: unary("sqrt"),
  [tf.Square]: unary("square"),
  [tf.Step]: unary("step", "alpha"),
  [tf.Tanh]: unary("tanh"),

  [tf.Add]: binary("add"),
  [tf.EluGrad]: binary("eluGrad", "dy", "y"),
  [tf.Maximum]: binary("maximum"),
  [tf.Minimum]: binary("minimum"),
  [tf.Multiply]: binary("mul"),
  [tf.Pow]: binary("pow"),
  [tf.Prelu]: binary("prelu", "x", "alpha"),
  [tf.RealDiv]: binary("div"),
  [tf.SquaredDifference]: binary("squaredDifference"),
  [tf.Sub]: binary("sub"),
  [tf.AddN]: addN,

  [tf.Equal]: comparison("equal"),
  [tf.Greater]: comparison("greater"),
  [tf.GreaterEqual]: comparison("greaterEqual"),
  [tf.Less]: comparison("less"),
  [tf.LessEqual]: comparison("lessEqual"),
  [tf.NotEqual]: comparison("notEqual"),

  [tf.Cast]: cast,
  [tf.Fill]: fill,
  [tf.OnesLike]: constantLike(1),
  [tf.Select]: select,
  [tf.ZerosLike]: constantLike(0),
};
