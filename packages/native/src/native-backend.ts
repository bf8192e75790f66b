import * as tf from "@tensorflow/tfjs-core";
import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import type { Addon } from "./addon.ts";
import { BufferPool } from "./buffer-pool.ts";

type Values = tf.backend_util.BackendValues;

let nextId = 0;

/**
 * tfjs's plain JavaScript back end with its hot kernels replaced by C++ on the same typed arrays, and with memory that is
 * used again. Kernels see the storage itself; everyone else (`dataSync`, `data`) gets copies of storage that will be reused.
 */
export class NativeBackend extends MathBackendCPU {
  readonly addon: Addon;
  readonly pool: BufferPool;

  constructor(addon: Addon) {
    super();
    this.addon = addon;
    this.pool = new BufferPool(addon);
  }

  /** Keeps a reference to `values`, as the plain back end does. */
  override write(values: Values, _shape: number[], dtype: tf.DataType): object {
    const dataId = { id: nextId++ };
    this.move(dataId, values, _shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: object,
    values: Values,
    _shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    this.data.set(dataId, { values, dtype, refCount });
    this.pool.hold(values);
  }

  override disposeData(dataId: object, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const data = this.data.get(dataId);
    data.refCount--;
    if (!force && data.refCount > 0) return false;
    if (data.complexTensorInfos !== undefined) {
      this.disposeData(data.complexTensorInfos.real.dataId, true);
      this.disposeData(data.complexTensorInfos.imag.dataId, true);
    }
    this.data.delete(dataId);
    this.pool.drop(data.values);
    return true;
  }

  /** A copy where the memory will be used again, else the values themselves. */
  override readSync(dataId: object): Values {
    const { values } = this.data.get(dataId);
    if (ArrayBuffer.isView(values) && this.pool.recycles(values)) return (values as Float32Array).slice();
    return super.readSync(dataId);
  }

  override read(dataId: object): Promise<Values> {
    return Promise.resolve(this.readSync(dataId));
  }

  override memory(): { unreliable: boolean; reasons: string[] } {
    return { unreliable: false, reasons: [] };
  }

  override dispose(): void {
    this.pool.trim();
  }

  /** Storage of a float32 tensor. (The plain back end's kernels may leave other arrays behind: those are converted.) */
  floats(info: tf.TensorInfo): Float32Array {
    const { values } = this.data.get(info.dataId);
    return values instanceof Float32Array ? values : Float32Array.from((values ?? []) as ArrayLike<number>);
  }

  /** Storage of an int32 tensor. */
  ints(info: tf.TensorInfo): Int32Array {
    const { values } = this.data.get(info.dataId);
    return values instanceof Int32Array ? values : Int32Array.from((values ?? []) as ArrayLike<number>);
  }

  /** Storage of a bool tensor. */
  bytes(info: tf.TensorInfo): Uint8Array {
    const { values } = this.data.get(info.dataId);
    return values instanceof Uint8Array ? values : Uint8Array.from((values ?? []) as ArrayLike<number>);
  }

  /** Stores an array as a tensor. */
  store(
    values: Float32Array | Int32Array | Uint8Array,
    shape: readonly number[],
    dtype: tf.DataType,
  ): tf.TensorInfo {
    const own = shape.slice();
    return { dataId: this.write(values, own, dtype), shape: own, dtype };
  }

  /** A new float32 tensor whose storage `compute` writes, all of it. */
  produce(shape: readonly number[], compute: (values: Float32Array) => void): tf.TensorInfo {
    const values = this.pool.floats(tf.util.sizeFromShape(shape as number[]));
    try {
      compute(values);
    } catch (error) {
      this.pool.recycle(values);
      throw error;
    }
    return this.store(values, shape, "float32");
  }

  /** The same storage under another shape. */
  reshaped(info: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    this.incRef(info.dataId);
    return { dataId: info.dataId, shape: shape.slice(), dtype: info.dtype };
  }
}
