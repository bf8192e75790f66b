import type * as tf from "@tensorflow/tfjs-core";
import type { GpuBuffer, GpuDevice } from "./dawn.ts";

/** The WebGPU back end of tfjs. */
export const TFJS_WEBGPU = "@tensorflow/tfjs-backend-webgpu";

/** Numbers that a program reads beside its tensors. */
export type UniformData = readonly {
  readonly type: "int32" | "float32";
  readonly data: readonly number[];
}[];

/** A compute program as tfjs's back end takes it: one output, `result`, and read-only inputs under their variable names. */
export interface WebgpuProgram {
  /** Name for messages; tfjs's own programs have that of their class. */
  readonly label?: string;
  readonly outputShape: number[];
  readonly variableNames: string[];
  /** Declaration of the uniforms, such as `samples : i32, `. */
  readonly uniforms: string;
  readonly workgroupSize: [number, number, number];
  readonly dispatchLayout: { readonly x: number[] };
  /** Workgroups in each direction; tfjs folds a long first one. */
  dispatch: [number, number, number];
  /** Programs with the same key have the same source. */
  shaderKey: string;
  readonly size: boolean;
  outputComponent?: number;
  readonly variableComponents?: readonly number[];
  readonly atomic?: boolean;
  /** Set for programs that read or draw pictures. */
  readonly pixelsOpType?: number;
  getUserCode(): string;
}

interface TensorData {
  readonly dtype: tf.DataType;
  readonly values?: tf.backend_util.TypedArray | null;
  readonly resource?: GpuBuffer | null;
}

interface BufferManager {
  numBytesUsed: number;
  numBytesAllocated: number;
  numFreeBuffers: number;
  readonly freeBuffers: Map<string, GpuBuffer[]>;
  acquireBuffer(size: number, usage: number, mappedAtCreation?: boolean, reuse?: boolean): GpuBuffer;
  releaseBuffer(buffer: GpuBuffer, reuse?: boolean): void;
}

/** The part of tfjs's back end that is built on. */
export interface TfjsWebgpuBackend extends tf.KernelBackend {
  readonly device: GpuDevice;
  readonly tensorMap: tf.DataStorage<TensorData>;
  readonly bufferManager: BufferManager;
  /** Compiled programs by their keys. */
  readonly pipelineCache: object;
  readonly commandEncoder: {
    copyBufferToBuffer(from: GpuBuffer, at: number, to: GpuBuffer, toAt: number, size: number): void;
  } | null;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  convertAndCacheOnCPU(dataId: object, data: tf.backend_util.TypedArray): tf.backend_util.TypedArray;
  runWebGPUProgram(
    program: WebgpuProgram,
    inputs: readonly tf.TensorInfo[],
    outputDtype: tf.DataType,
    uniforms?: UniformData,
    output?: tf.TensorInfo,
  ): tf.TensorInfo;
}

/** What the package exports, as far as it is used. */
export interface TfjsWebgpuPackage {
  readonly WebGPUBackend: new (device: GpuDevice, info: object) => TfjsWebgpuBackend;
}
