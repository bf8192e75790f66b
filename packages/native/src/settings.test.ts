import * as tf from "@tensorflow/tfjs-core";
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  availableIsas,
  isa,
  isaProblem,
  loadNative,
  measureCeilings,
  nativeKernelNames,
  precision,
  setIsa,
  setPrecision,
  setThreadCount,
  threadCount,
} from "./index.ts";
import { expectClose, on, randomTensor } from "./testing/compare-backends.ts";

/** Some work of every kind, as one list of numbers. */
function work(): number[] {
  return on("native", () =>
    tf.tidy(() => {
      const x = randomTensor<tf.Tensor4D>([6, 17, 19, 24], 1);
      const w = randomTensor<tf.Tensor4D>([3, 3, 24, 40], 2);
      const y = tf.conv2d(x, w, 1, "same");
      const parts = [
        tf.sum(y, [0, 1, 2]),
        tf.mean(y),
        tf.max(y, [1, 2]),
        tf.exp(tf.mul(y, 0.01)),
        tf.matMul(tf.reshape(y, [-1, 40]), tf.reshape(y, [-1, 40]), true, false),
        tf.maxPool(y, 2, 2, "valid"),
        tf.transpose(y, [3, 0, 1, 2]),
      ];
      return Array.from(tf.concat1d(parts.map((part) => tf.reshape(part, [-1]) as tf.Tensor1D)).dataSync());
    }),
  );
}

/** Sums of thousands of products in another order. */
const ORDER = { rtol: 1e-4, atol: 2e-3 };

function statusWith(environment: Record<string, string>): unknown {
  const code = `import("./packages/native/src/index.ts").then((m) => console.log(JSON.stringify(m.loadNative())))`;
  const root = new URL("../../../", import.meta.url).pathname;
  const child = spawnSync(process.execPath, ["--import", "tsx", "-e", code], {
    cwd: root,
    env: { ...process.env, ...environment },
    encoding: "utf8",
  });
  return JSON.parse(child.stdout.trim().split("\n").at(-1) ?? "");
}

describe("threads", () => {
  it("one and two agree, and each repeats its bits", () => {
    const before = threadCount();
    try {
      setThreadCount(1);
      const one = work();
      expect(work()).toEqual(one);
      for (const count of [2, 5]) {
        setThreadCount(count);
        expect(threadCount()).toBe(count);
        const many = work();
        expect(work()).toEqual(many);
        expectClose(many, one, ORDER);
      }
    } finally {
      setThreadCount(before);
    }
  });

  it.each([0, 257, 1.5, NaN, "two", undefined])("%s is refused", (count) => {
    const before = threadCount();
    expect(() => setThreadCount(count as number)).toThrow(
      "setThreadCount: `count`: a whole number from 1 to 256 is wanted",
    );
    expect(threadCount()).toBe(before);
  });

  it("LIMBECK_THREADS sets the number, or says what is wrong with it", () => {
    expect(statusWith({ LIMBECK_THREADS: "3" })).toEqual({ available: true });
    expect(statusWith({ LIMBECK_THREADS: "many" })).toEqual({
      available: false,
      reason: 'LIMBECK_THREADS: a whole number from 1 to 256 is wanted, got "many"',
      fix: "correct or unset LIMBECK_THREADS",
    });
  });
});

describe("instruction sets", () => {
  it("all that this machine has give the same numbers", () => {
    const before = isa();
    const exact = precision();
    setPrecision("highest");
    try {
      setIsa("portable");
      const portable = work();
      for (const name of availableIsas()) {
        setIsa(name);
        expect(isa()).toBe(name);
        expectClose(work(), portable, ORDER);
      }
    } finally {
      setIsa(before);
      setPrecision(exact);
    }
  });

  it("an unknown one is refused with the names of those there are", () => {
    expect(() => setIsa("mmx")).toThrow(
      `setIsa: wanted an instruction set of this machine (${availableIsas().join(", ")}), got "mmx"`,
    );
    expect(statusWith({ LIMBECK_ISA: "mmx" })).toEqual({
      available: false,
      reason: `LIMBECK_ISA: wanted an instruction set of this machine (${availableIsas().join(", ")}), got "mmx"`,
      fix: "correct or unset LIMBECK_ISA",
    });
  });
});

describe("AMX", () => {
  it("is there, or refused with the reason", () => {
    if (availableIsas().includes("amx")) {
      expect(isaProblem()).toBe("");
      expect(availableIsas().at(-1)).toBe("amx");
    } else {
      expect(() => setIsa("amx")).toThrow(/got "amx"; \w/);
      expect(isaProblem()).toMatch(/^(amx: \w.*)?$/);
    }
  });
});

describe("precision", () => {
  it("has three names", () => {
    const before = precision();
    for (const name of ["highest", "high", "default"] as const) {
      setPrecision(name);
      expect(precision()).toBe(name);
    }
    expect(() => setPrecision("float64" as "high")).toThrow(
      'setPrecision: one of highest, high, default is wanted, got "float64"',
    );
    setPrecision(before);
  });
});

describe("loading", () => {
  it("succeeds where these tests run", () => {
    expect(loadNative()).toEqual({ available: true });
  });

  /** Every kernel that the four workloads of the benchmarks call on large tensors, forward and backward. */
  const HOT = (
    "Abs Add AddN AffineSample AffineSampleTranspose AvgPool AvgPoolGrad BatchMatMul Cast ClipByValue Concat Conv2D " +
    "Conv2DBackpropFilter Conv2DBackpropInput ConvBlock ConvBlockGrad ConvBlockGradGrad Exp Fill GatherV2 Greater " +
    "GreaterEqual LeakyRelu Less LessEqual Log Max MaxPool MaxPoolGrad Maximum Mean Min Minimum Multiply Neg OneHot " +
    "OnesLike Pack PadV2 Pow Prod RealDiv Reciprocal Relu ResizeBilinear ResizeBilinearGrad Reverse Rsqrt Select " +
    "Sigmoid Sign Slice Softmax SplitV Sqrt Square SquaredDifference Step StridedSlice Sub Sum Tanh Tile Transpose " +
    "Unpack UnsortedSegmentSum ZerosLike _FusedMatMul FusedConv2D"
  ).split(" ");

  it("leaves no kernel of the workloads in JavaScript", () => {
    const native = new Set(nativeKernelNames());
    expect(HOT.filter((name) => !native.has(name))).toEqual([]);
  });

  it("offers every kernel of the plain back end", () => {
    on("native", () => {
      const here = new Set(tf.getKernelsForBackend("native").map((kernel) => kernel.kernelName));
      const missing = tf.getKernelsForBackend("cpu").filter((kernel) => !here.has(kernel.kernelName));
      expect(missing).toEqual([]);
    });
  });
});

it("measures ceilings that a product stays below", () => {
  on("native", () => {
    const { multiplyAdds, bytes } = measureCeilings();
    expect(bytes).toBeGreaterThan(1e8);
    const size = 256;
    const [a, b] = [randomTensor([size, size], 1), randomTensor([size, size], 2)];
    const times = Array.from({ length: 20 }, () => {
      const begin = performance.now();
      tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D).dispose();
      return (performance.now() - begin) / 1000;
    });
    // Timers and a busy machine: within a factor of two of the truth.
    expect(size ** 3 / Math.min(...times)).toBeLessThan(2 * multiplyAdds);
  });
});
