import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { DataError, RunError } from "../errors.ts";
import { disposeState } from "../method/state-tensors.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { decodeState, encodeState, type EncodedState } from "./state-codec.ts";

let root: string;
let folder: string;
beforeAll(() => useBackend("cpu"));
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "limbeck-checkpoint-"));
  folder = join(root, "checkpoint");
});
afterEach(() => fs.rmSync(root, { recursive: true }));

const nothing: EncodedState = { tree: {}, tensors: {} };

describe("a state in a checkpoint", () => {
  it("comes back bit for bit, whatever it holds", async () => {
    const before = tf.memory().numTensors;
    const state = {
      images: tf.tensor4d(Float32Array.of(-0, 1e-45, 3.4e38, 0.1), [1, 2, 1, 2]),
      "a/b": { "%": tf.tensor1d([1, -2], "int32"), empty: {} },
      "a%2Fb": tf.scalar(2),
      a: { b: tf.scalar(3) },
      mask: tf.tensor1d([true, false], "bool"),
      none: tf.tensor2d([], [0, 3]),
      step: 7,
      best: Infinity,
      gap: NaN,
      zero: -0,
      name: "x",
      on: true,
    };
    writeCheckpoint(folder, { step: 3, seconds: 1.5, state: await encodeState(state, "toy") });
    const checkpoint = readCheckpoint(folder)!;
    expect(checkpoint).toMatchObject({ step: 3, seconds: 1.5 });
    const back = decodeState(checkpoint.state, "toy") as typeof state;
    expect(Object.keys(back)).toEqual(Object.keys(state));
    expect(bytesOf(back.images)).toEqual(bytesOf(state.images));
    expect(back.images.shape).toEqual([1, 2, 1, 2]);
    expect(back["a/b"]["%"].dtype).toBe("int32");
    expect(bytesOf(back["a/b"]["%"])).toEqual(bytesOf(state["a/b"]["%"]));
    expect(back["a/b"].empty).toEqual({});
    expect([back["a%2Fb"].dataSync()[0], back.a.b.dataSync()[0]]).toEqual([2, 3]);
    expect([back.mask.dtype, ...back.mask.dataSync()]).toEqual(["bool", 1, 0]);
    expect(back.none.shape).toEqual([0, 3]);
    const plain = ({ step, best, gap, zero, name, on }: typeof state) => [step, best, gap, zero, name, on];
    expect(plain(back)).toEqual(plain(state));
    disposeState(state);
    disposeState(back);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("must be finite, of a known type, and complete", async () => {
    const bad = { optimiser: { velocity: tf.tensor1d([1, NaN]) } };
    await expect(encodeState(bad, "toy step 3", "; kept")).rejects.toThrow(
      new RunError(
        "toy step 3: state optimiser.velocity is not finite, element 1 is NaN; " +
          "start again with a lower learning rate, or look for a division by zero; kept",
      ),
    );
    disposeState(bad);
    const text = { words: tf.tensor1d(["a"]) };
    await expect(encodeState(text, "toy")).rejects.toThrow(
      new RunError("toy: state words has dtype string, wanted float32, int32, bool"),
    );
    disposeState(text);
    const before = tf.memory().numTensors;
    const tree = { a: { tensor: "a", dtype: "float32" }, b: { tensor: "b", dtype: "float32" } } as const;
    const tensors = { a: { shape: [1], data: Float32Array.of(1) } };
    expect(() => decodeState({ tree, tensors }, "toy")).toThrow(
      new RunError('toy: tensor "b" is missing; the checkpoint is damaged'),
    );
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("readCheckpoint", () => {
  const write = (step: number, path = folder) => writeCheckpoint(path, { step, seconds: 0, state: nothing });

  it("finds nothing where nothing was written", () => {
    expect(readCheckpoint(folder)).toBeUndefined();
  });

  it.each([
    ["before the first was whole", ["torn new"], undefined],
    ["before the second was whole", ["2", "torn new"], 2],
    ["before the first rename", ["2", "3 new"], 2],
    ["between the renames", ["2 old", "3 new"], 3],
    ["before the old one was removed", ["3", "2 old"], 3],
    ["before the old one was removed whole", ["3", "torn old"], 3],
  ] as const)("finds a whole one after a kill %s", (_, generations, step) => {
    for (const generation of generations) {
      const [what, suffix] = generation.split(" ") as [string, string?];
      const path = suffix === undefined ? folder : `${folder}.${suffix}`;
      if (what === "torn") fs.mkdirSync(path);
      else write(Number(what), path);
    }
    expect(readCheckpoint(folder)?.step).toBe(step);
    write(9);
    expect(readCheckpoint(folder)?.step).toBe(9);
    expect(fs.readdirSync(root)).toEqual(["checkpoint"]);
  });

  it("notices any byte that changed, and says what to do", () => {
    const state: EncodedState = {
      tree: { a: { tensor: "a", dtype: "float32" }, n: 3 },
      tensors: { a: { shape: [2], data: Float32Array.of(1, 2) } },
    };
    writeCheckpoint(folder, { step: 12, seconds: 0, state });
    for (const name of fs.readdirSync(folder)) {
      const path = join(folder, name);
      const whole = fs.readFileSync(path);
      for (let i = 0; i < whole.length; i += 3) {
        const spoilt = Buffer.from(whole);
        spoilt[i]! ^= 1;
        fs.writeFileSync(path, spoilt);
        try {
          // A changed blank of the JSON changes nothing.
          expect(readCheckpoint(folder)).toEqual({ step: 12, seconds: 0, state });
        } catch (error) {
          if (!(error instanceof DataError)) throw error;
        }
      }
      fs.writeFileSync(path, whole.subarray(0, whole.length - 3));
      expect(() => readCheckpoint(folder)).toThrow(
        /the checkpoint is damaged: .*remove the run folder and start again$/,
      );
      fs.writeFileSync(path, whole);
    }
    fs.rmSync(join(folder, "state.safetensors"));
    expect(() => readCheckpoint(folder)).toThrow(/state.safetensors: the checkpoint is damaged: ENOENT/);
  });

  it("falls back to the one before, where that is still whole", () => {
    write(3);
    write(2, `${folder}.old`);
    fs.writeFileSync(join(folder, "checkpoint.json"), "{");
    expect(readCheckpoint(folder)?.step).toBe(2);
  });

  it("refuses a newer format", () => {
    write(1);
    const path = join(folder, "checkpoint.json");
    fs.writeFileSync(path, fs.readFileSync(path, "utf8").replace('"format": 1', '"format": 2'));
    expect(() => readCheckpoint(folder)).toThrow(
      new DataError(`${path}: the checkpoint has format 2, this version reads up to 1; update Limbeck`),
    );
  });
});

function bytesOf(tensor: tf.Tensor): Buffer {
  const values = tensor.dataSync();
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
