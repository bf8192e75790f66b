import * as tf from "@tensorflow/tfjs-core";
import { BackendError } from "../../errors.ts";
import { SPLIT_BATCHES } from "../samples-at-once.ts";
import { waitForDawn, type GpuBuffer, type GpuDevice } from "./dawn.ts";
import type { DeviceHealth } from "./device-health.ts";
import type { TfjsWebgpuBackend, TfjsWebgpuPackage, WebgpuProgram } from "./tfjs-webgpu.ts";

/** WebGPU's numbers for `MAP_READ`, `COPY_DST` and the mode `READ`. */
const MAP_READ = 1;
const COPY_DST = 8;
const READ = 1;

/** Idle buffers up to this size in all, or as much as is in use, are kept for reuse. */
const IDLE_BYTES = 512 * 2 ** 20;

/** Bytes on the device: live tensors and work in flight; with buffers kept for reuse; the most the latter ever was. */
export interface DeviceBytes {
  readonly used: number;
  readonly allocated: number;
  readonly peak: number;
}

/** What Limbeck adds to tfjs's back end. */
export interface LimbeckWebgpuBackend extends TfjsWebgpuBackend {
  deviceBytes(): DeviceBytes;
  resetPeak(): void;
  /** Gives idle buffers back to the device. */
  trim(): void;
}

/**
 * tfjs's WebGPU back end made safe: what the device reports is thrown by the call that caused it or by the next read, data can be read
 * synchronously, idle memory is bounded and can be given back, and memory that is not there is refused with advice.
 *
 * @param memory Bytes that may be allocated, or undefined where nobody said.
 */
export function createLimbeckWebgpuBackend(
  { WebGPUBackend }: TfjsWebgpuPackage,
  device: GpuDevice,
  info: object,
  health: DeviceHealth,
  memory: number | undefined,
): LimbeckWebgpuBackend {
  class SafeBackend extends WebGPUBackend implements LimbeckWebgpuBackend {
    #peak = 0;

    constructor() {
      super(device, info);
      const manager = this.bufferManager;
      const acquire = manager.acquireBuffer.bind(manager);
      manager.acquireBuffer = (size, usage, mapped, reuse) => {
        this.#makeRoom(size);
        let buffer = acquire(size, usage, mapped, reuse);
        if (health.takeOutOfMemory()) {
          manager.releaseBuffer(buffer, false);
          this.trim();
          buffer = acquire(size, usage, mapped, reuse);
        }
        health.check();
        this.#peak = Math.max(this.#peak, manager.numBytesAllocated);
        return buffer;
      };
    }

    override runWebGPUProgram(...args: Parameters<TfjsWebgpuBackend["runWebGPUProgram"]>): tf.TensorInfo {
      const [program] = args;
      health.during = `to run ${program.label ?? program.constructor.name}`;
      health.check();
      program.shaderKey = keyBySource(program);
      try {
        const output = super.runWebGPUProgram(...args);
        health.check();
        return output;
      } catch (error) {
        // Else the refused program would be found again, recorded, and spoil all that is submitted with it.
        Reflect.deleteProperty(this.pipelineCache, program.shaderKey);
        throw error;
      }
    }

    override readSync(dataId: object): tf.backend_util.TypedArray {
      const { dtype, values, resource } = this.tensorMap.get(dataId);
      if (values || !resource || dtype === "complex64" || dtype === "string") {
        return super.readSync(dataId) as tf.backend_util.TypedArray;
      }
      health.check();
      const bytes = this.#download(resource);
      health.check();
      const data = tf.util.convertBackendValuesAndArrayBuffer(bytes, dtype);
      return this.convertAndCacheOnCPU(dataId, data as tf.backend_util.TypedArray);
    }

    override async read(dataId: object): Promise<tf.backend_util.TypedArray> {
      health.check();
      try {
        return (await super.read(dataId)) as tf.backend_util.TypedArray;
      } catch (error) {
        // What a buffer's mapping fails with.
        if (error instanceof Error && /OperationError|AbortError/.test(error.name))
          health.reportLoss(error.message);
        throw error;
      } finally {
        health.check();
      }
    }

    deviceBytes(): DeviceBytes {
      const { numBytesUsed, numBytesAllocated } = this.bufferManager;
      return { used: numBytesUsed, allocated: numBytesAllocated, peak: this.#peak };
    }

    resetPeak(): void {
      this.#peak = this.bufferManager.numBytesAllocated;
    }

    trim(): void {
      // Buffers of the work that is not submitted yet come free with it.
      if (this.commandEncoder) {
        this.endComputePassEncoder();
        this.submitQueue();
      }
      const manager = this.bufferManager;
      for (const buffers of manager.freeBuffers.values()) {
        for (const buffer of buffers.splice(0)) {
          manager.numBytesAllocated -= buffer.size;
          buffer.destroy();
        }
      }
      manager.numFreeBuffers = 0;
    }

    #makeRoom(size: number): void {
      const largest = Math.min(
        device.limits["maxBufferSize"]!,
        device.limits["maxStorageBufferBindingSize"]!,
      );
      if (size > largest) {
        throw new BackendError(
          `webgpu: wanted a tensor of ${mebibytes(size)}, the device's largest is ${mebibytes(largest)}; ${SPLIT_BATCHES}, ` +
            "lower the batch (`realBatch`, `batchSize`) or the images per class, or choose another back end",
        );
      }
      const { numBytesUsed, numBytesAllocated } = this.bufferManager;
      const idle = numBytesAllocated - numBytesUsed;
      const full = memory !== undefined && numBytesAllocated + size > memory;
      if (full || idle > Math.max(IDLE_BYTES, numBytesUsed)) this.trim();
      if (memory !== undefined && this.bufferManager.numBytesAllocated + size > memory) {
        throw new BackendError(
          `webgpu: wanted ${mebibytes(size)} more, ${mebibytes(this.bufferManager.numBytesUsed)} of the allowed ` +
            `${mebibytes(memory)} (LIMBECK_DEVICE_MEMORY) are in use; ${SPLIT_BATCHES}, lower the batch (\`realBatch\`, ` +
            "`batchSize`) or the images per class, allow more, or choose another back end",
        );
      }
    }

    #download(buffer: GpuBuffer): ArrayBuffer {
      health.during = "data from the device";
      const manager = this.bufferManager;
      const staging = manager.acquireBuffer(buffer.size, COPY_DST | MAP_READ);
      this.ensureCommandEncoderReady();
      this.endComputePassEncoder();
      this.commandEncoder!.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
      this.submitQueue();
      // Whether it worked is seen from the state; the promise settles only after this.
      staging.mapAsync(READ).catch(() => undefined);
      waitForDawn(() => staging.mapState !== "pending");
      if (staging.mapState !== "mapped") health.reportLoss("it hands out no data");
      health.check();
      const bytes = staging.getMappedRange().slice(0);
      staging.unmap();
      manager.releaseBuffer(staging);
      return bytes;
    }
  }
  return new SafeBackend();
}

/**
 * A key that holds the program's own source. tfjs keeps compiled programs by keys that leave out some of what the source depends on (the
 * length of a reversed cumulative sum, in 4.22), and would then run the program of another shape without a word.
 */
function keyBySource(program: WebgpuProgram): string {
  // tfjs sets this default only when it compiles.
  program.outputComponent ||= 1;
  if (program.pixelsOpType !== undefined) return program.shaderKey;
  const { shaderKey, outputComponent, variableComponents, uniforms, dispatchLayout, atomic, size } = program;
  const rest = [outputComponent, variableComponents, uniforms, dispatchLayout, atomic, size];
  return `${shaderKey} ${JSON.stringify(rest)} ${program.getUserCode()}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
