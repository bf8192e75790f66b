import type { PreparedArray, PreparedArrays } from "@limbeck/core";
import { DataError } from "@limbeck/core";
import { fromHalf, toHalf } from "./half-floats.ts";
import type { ExpertConfig } from "./expert-config.ts";

type Storage = ExpertConfig["expertStorage"];

/**
 * An expert's parameters as they are stored: `theta` `[P]` in float32, or `delta` `[⌈P/2⌉]` int32, each holding two 16-bit
 * differences from the expert's first parameters, the earlier in the lower half.
 *
 * @param theta `[P]`.
 * @param base The expert's first parameters `[P]`.
 */
export function encodeSnapshot(theta: Float32Array, base: Float32Array, storage: Storage): PreparedArrays {
  if (storage === "float32") return { theta: vector(theta) };
  const bits = toHalf(
    theta.map((value, i) => value - base[i]!),
    storage,
  );
  const packed = new Int32Array(Math.ceil(bits.length / 2));
  for (let i = 0; i < packed.length; i++) packed[i] = bits[2 * i]! | ((bits[2 * i + 1] ?? 0) << 16);
  return { delta: vector(packed) };
}

/**
 * The parameters of {@link encodeSnapshot}, `[P]`.
 *
 * @throws {DataError} if the arrays are not those of a network with as many parameters.
 */
export function decodeSnapshot(
  arrays: PreparedArrays,
  base: Float32Array,
  storage: Storage,
  where: string,
): Float32Array {
  const { data } = arrays[storage === "float32" ? "theta" : "delta"] ?? { data: new Float32Array(0) };
  const wanted = storage === "float32" ? base.length : Math.ceil(base.length / 2);
  if (data.length !== wanted) {
    throw new DataError(
      `${where}: wanted ${wanted} numbers for a network of ${base.length} parameters stored as ${storage}, got ${data.length}; ` +
        `delete the file, and it is made again`,
    );
  }
  if (storage === "float32") return data as Float32Array;
  const bits = new Uint16Array(base.length);
  for (let i = 0; i < bits.length; i++) bits[i] = data[i >> 1]! >>> (i % 2 === 0 ? 0 : 16);
  return fromHalf(bits, storage).map((difference, i) => base[i]! + difference);
}

/** A plain vector among prepared arrays. */
export function vector(data: Float32Array | Int32Array): PreparedArray {
  return { shape: [data.length], data };
}
