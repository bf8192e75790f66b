import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { BufferPool } from "./buffer-pool.ts";
import { nativeMemory, trimMemory } from "./index.ts";
import { numbers, on, randomTensor } from "./testing/compare-backends.ts";

const SIZE = 100_000; // elements; large enough to be pooled

function heapPool(): { pool: BufferPool; freed: ArrayBuffer[] } {
  const freed: ArrayBuffer[] = [];
  const pool = new BufferPool({
    allocate: (bytes) => new ArrayBuffer(bytes),
    release: (buffer) => void freed.push(buffer),
  });
  return { pool, freed };
}

describe("the buffer pool", () => {
  it("uses a block again once the last array in it is dropped", () => {
    const { pool } = heapPool();
    const values = pool.floats(SIZE);
    pool.hold(values);
    const part = values.subarray(10, 20);
    pool.hold(part);
    pool.drop(values);
    expect(pool.floats(SIZE).buffer).not.toBe(values.buffer);
    pool.drop(part);
    expect(pool.floats(SIZE).buffer).toBe(values.buffer);
  });

  it("never takes arrays that it did not make", () => {
    const { pool } = heapPool();
    const own = new Float32Array(SIZE);
    pool.hold(own);
    expect(pool.liveBytes).toBe(SIZE * 4);
    pool.drop(own);
    expect([pool.liveBytes, pool.idleBytes]).toEqual([0, 0]);
    expect(pool.floats(SIZE).buffer).not.toBe(own.buffer);
  });

  it("serves slightly smaller arrays from an idle block, much smaller ones not", () => {
    const { pool } = heapPool();
    const values = pool.floats(SIZE);
    pool.hold(values);
    pool.drop(values);
    expect(pool.floats(SIZE / 2).buffer).not.toBe(values.buffer);
    const smaller = pool.floats(Math.round(SIZE * 0.8));
    expect(smaller.buffer).toBe(values.buffer);
    expect(smaller.length).toBe(80_000);
  });

  it("frees the oldest idle blocks beyond its limit, and all when trimmed", () => {
    const { pool, freed } = heapPool();
    pool.limit = 1_000_000;
    const arrays = [0, 1, 2, 3].map(() => pool.floats(SIZE));
    for (const array of arrays) pool.hold(array);
    for (const array of arrays) pool.drop(array);
    expect(freed).toEqual([arrays[0]!.buffer, arrays[1]!.buffer]);
    expect(pool.idleBytes).toBeLessThanOrEqual(1_000_000);
    pool.trim();
    expect(pool.idleBytes).toBe(0);
    expect(freed.length).toBe(4);
  });

  it("keeps idle memory in proportion to what was live", () => {
    const { pool } = heapPool();
    // Ever new sizes, one live at a time: without a bound all would stay.
    for (let megabytes = 16; megabytes < 160; megabytes += 8) {
      const values = pool.floats(megabytes * 2 ** 18);
      pool.hold(values);
      pool.drop(values);
    }
    expect(pool.idleBytes).toBeLessThan(1.5 * 180 * 2 ** 20 + 2 ** 26);
    expect(pool.peakBytes).toBeLessThan(1.5 * 180 * 2 ** 20 + 2 ** 26);
  });

  it("gives all idle memory back and tries again when there is none left", () => {
    let free = 2;
    const pool = new BufferPool({
      allocate: (bytes) => {
        if (free === 0) throw new Error("out of memory");
        free--;
        return new ArrayBuffer(bytes);
      },
      release: () => void free++,
    });
    for (const length of [SIZE, 5 * SIZE]) {
      const values = pool.floats(length);
      pool.hold(values);
      pool.drop(values);
    }
    expect(pool.floats(20 * SIZE).length).toBe(20 * SIZE);
    expect(() => [pool.floats(20 * SIZE), pool.floats(20 * SIZE), pool.floats(SIZE)]).toThrow(
      "out of memory",
    );
  });
});

describe("memory of tensors", () => {
  it("what the user reads is the user's, also after disposal and reuse", () => {
    on("native", () => {
      const x = randomTensor([SIZE], 1);
      const y = tf.mul(x, 2);
      const read = y.dataSync();
      const truth = Float32Array.from(numbers(SIZE, 1), (value) => value * 2);
      read[0] = truth[0]! + 5; // does not reach the tensor
      expect(y.dataSync()[0]).toBe(truth[0]);
      const kept = y.dataSync();
      y.dispose();
      const other = tf.mul(x, 3);
      expect(kept).toEqual(truth);
      tf.dispose([x, other]);
    });
  });

  it("what the user gave is never recycled", async () => {
    const given = numbers(SIZE, 3);
    const copy = given.slice();
    on("native", () => {
      const x = tf.tensor1d(given);
      const y = tf.reshape(x, [2, SIZE / 2]);
      tf.dispose([x, y]);
      for (let i = 0; i < 4; i++) tf.dispose(tf.fill([SIZE], i));
    });
    expect(given).toEqual(copy);
    const promise = on("native", () => {
      const x = tf.fill([SIZE], 7);
      const data = x.data();
      x.dispose();
      return data;
    });
    on("native", () => tf.dispose(tf.fill([SIZE], 8)));
    expect((await promise)[5]).toBe(7);
  });

  it("views made by the plain back end's kernels keep their storage", () => {
    on("native", () => {
      const x = tf.cast(tf.fill([SIZE], 3), "int32");
      const part = tf.slice(x, 10, 20); // shares storage in the plain back end
      x.dispose();
      const other = tf.cast(tf.fill([SIZE], 4), "int32");
      expect(Array.from(part.dataSync())).toEqual(new Array(20).fill(3));
      tf.dispose([part, other]);
    });
  });

  it("tensors that move to another back end and back keep their values", () => {
    const x = on("native", () => tf.fill([SIZE], 2));
    const y = on("cpu", () => tf.add(x, 1));
    on("native", () => {
      const z = tf.add(x, y);
      expect(z.dataSync()[SIZE - 1]).toBe(5);
      tf.dispose([x, y, z]);
    });
  });

  it("is counted: live, pooled, peak, and tf.memory() is reliable", () => {
    on("native", () => {
      trimMemory();
      const start = nativeMemory();
      expect(start.pooledBytes).toBe(0);
      start.resetPeak();
      const x = tf.fill([SIZE], 1);
      const held = nativeMemory();
      expect(held.liveBytes - start.liveBytes).toBeGreaterThanOrEqual(SIZE * 4);
      expect(held.liveBytes - start.liveBytes).toBeLessThan(SIZE * 4 * 1.13);
      x.dispose();
      const after = nativeMemory();
      expect(after.liveBytes).toBe(start.liveBytes);
      expect(after.pooledBytes).toBe(held.liveBytes - start.liveBytes);
      expect(after.bytes).toBe(after.pooledBytes + after.scratchBytes);
      expect(after.peakBytes - after.scratchBytes).toBe(held.liveBytes);
      expect(tf.memory().unreliable ?? false).toBe(false);
      trimMemory();
      expect(nativeMemory().pooledBytes).toBe(0);
    });
  });

  it("does not grow over 200 steps of work", () => {
    on("native", () => {
      const step = (i: number) =>
        tf.tidy(() => {
          const x = randomTensor<tf.Tensor4D>([8, 16, 16, 8], i);
          const w = randomTensor<tf.Tensor4D>([3, 3, 8, 16], i + 1);
          const y = tf.avgPool(tf.relu(tf.conv2d(x, w, 1, "same")), 2, 2, "valid");
          return tf.sum(tf.mul(y, tf.greater(y, 0.5))).dataSync()[0];
        });
      for (let i = 0; i < 5; i++) step(i);
      const { numTensors, numDataBuffers } = tf.memory();
      const { liveBytes, pooledBytes } = nativeMemory();
      for (let i = 0; i < 200; i++) step(i);
      expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
      expect(nativeMemory()).toMatchObject({ liveBytes, pooledBytes });
    });
  });

  it("a tensor larger than memory is refused with a clear error", () => {
    on("native", () => {
      expect(() => tf.fill([2 ** 31, 2 ** 16], 1)).toThrow(/out of memory|Invalid typed array length/);
    });
  });
});
