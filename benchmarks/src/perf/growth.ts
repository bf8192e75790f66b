import { medianSeconds, type Workload } from "./measure.ts";
import { trainStepOf } from "./train-step.ts";
import { trajectoryStepOf } from "./trajectory-step.ts";

/** One size of one workload. */
export interface GrowthPoint {
  readonly workload: string;
  /** What grows: batch, width, depth, side or steps. */
  readonly size: string;
  readonly value: number;
  readonly seconds: number;
  /** Multiply-adds of one unit, counted as direct convolution. */
  readonly multiplyAdds: number;
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
      const seconds = await medianSeconds(prepared, runs);
      const point = {
        workload: prepared.name,
        size,
        value,
        seconds,
        multiplyAdds: prepared.multiplyAdds(),
      };
      points.push(point);
      onPoint(point);
    }
  }
  return points;
}
