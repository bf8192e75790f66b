import { engineInfo, peakBytes, resetPeakBytes } from "@limbeck/core";
import { trimMemory } from "@limbeck/native";
import { medianSeconds, type Workload } from "./measure.ts";
import { recoverStepOf } from "./recover-step.ts";
import { trainStepOf } from "./train-step.ts";
import { trajectoryStepOf } from "./trajectory-step.ts";

/** One size of one workload. */
export interface GrowthPoint {
  readonly workload: string;
  /** What grows: batch, width, depth, side, classes or steps. */
  readonly size: string;
  readonly value: number;
  readonly seconds: number;
  /** Multiply-adds of one unit, counted as direct convolution. */
  readonly multiplyAdds: number;
  /** Most bytes of tensors and work areas at once; absent in old records. */
  readonly peakBytes?: number;
}

interface Series {
  readonly size: string;
  readonly values: readonly number[];
  workload(value: number): Workload;
}

const USUAL = { batch: 128, network: "convnet3", side: 32 } as const;

/** Every size that a run has, one at a time, the others as in the published workloads (training on a batch of 128). */
export const growthSeries: readonly Series[] = [
  {
    size: "batch",
    values: [1, 4, 16, 64, 256, 1024],
    workload: (batch) => trainStepOf({ ...USUAL, batch }),
  },
  {
    size: "width",
    values: [16, 32, 64, 128, 256],
    workload: (width) => trainStepOf({ ...USUAL, network: `convnet3-w${width}` }),
  },
  {
    size: "depth",
    values: [1, 2, 3, 4, 5],
    workload: (depth) => trainStepOf({ ...USUAL, network: `convnet${depth}` }),
  },
  {
    size: "side",
    values: [16, 32, 64, 128],
    workload: (side) => trainStepOf({ ...USUAL, batch: 16, side }),
  },
  { size: "steps", values: [1, 3, 10, 30], workload: (steps) => trajectoryStepOf(steps) },
];

/** Images of a step of recovery whose growth is measured: time and memory are proportional to them. */
const RECOVERED = 10;

/**
 * A step of recovery by image side, with ResNet-18 in its form for large images (7 × 7 stem, stride 2, pooling) at every side, and by classes,
 * with its form for small ones on 32 × 32.
 */
export const recoverSeries: readonly Series[] = [
  {
    size: "side",
    values: [32, 64, 128, 224],
    workload: (side) =>
      recoverStepOf({ network: "resnet18-imagenet-batch", side, classes: 10, batch: RECOVERED }),
  },
  {
    size: "classes",
    values: [10, 100, 1000],
    workload: (classes) => recoverStepOf({ network: "resnet18-batch", side: 32, classes, batch: RECOVERED }),
  },
];

/** Times every point of every series, smallest first, and tells each as it comes. */
export async function measureGrowth(
  runs: number,
  onPoint: (point: GrowthPoint) => void,
  series: readonly Series[] = growthSeries,
): Promise<GrowthPoint[]> {
  const points: GrowthPoint[] = [];
  for (const { size, values, workload } of series) {
    for (const value of values) {
      const prepared = workload(value);
      // What a larger point before left for reuse is not this one's.
      if (engineInfo().backend === "native") trimMemory();
      resetPeakBytes();
      const seconds = await medianSeconds(prepared, runs);
      const point = {
        workload: prepared.name,
        size,
        value,
        seconds,
        multiplyAdds: prepared.multiplyAdds(),
        peakBytes: peakBytes(),
      };
      points.push(point);
      onPoint(point);
    }
  }
  return points;
}
