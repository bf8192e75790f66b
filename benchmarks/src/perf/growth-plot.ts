import { vegaSvg } from "../plots/vega-svg.ts";
import type { GrowthPoint } from "./growth.ts";

const TITLES: Readonly<Record<string, string>> = {
  "train-step batch": "train-step by batch (ConvNet-3, width 128, 32×32)",
  "train-step width": "train-step by width (batch 128, 32×32)",
  "train-step depth": "train-step by depth (batch 128, 32×32)",
  "train-step side": "train-step by image side (batch 16)",
  "trajectory-step steps": "trajectory-step by inner steps (100 images)",
  "recover-step side": "recover-step by image side (10 images, ResNet-18 for large images)",
  "recover-step classes": "recover-step by classes (10 images, ResNet-18, 32×32)",
};

/** Seconds over each size, one panel a series, logarithmic both ways; the dashed line grows with the multiply-adds. */
export async function growthPlot(points: readonly GrowthPoint[]): Promise<string> {
  const series = [...new Set(points.map((point) => point.size))];
  return vegaSvg({
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    columns: 3,
    concat: series.map((size) => panel(size, withWork(points.filter((point) => point.size === size)))),
  });
}

interface PlottedPoint extends GrowthPoint {
  /** Seconds that the last point's rate would give. */
  readonly proportional: number;
}

function withWork(points: readonly GrowthPoint[]): PlottedPoint[] {
  const last = points.at(-1)!;
  return points.map((point) => ({
    ...point,
    proportional: (last.seconds * point.multiplyAdds) / last.multiplyAdds,
  }));
}

function panel(size: string, values: PlottedPoint[]) {
  const log = { type: "quantitative" as const, scale: { type: "log" as const } };
  const axis = { values: values.map(({ value }) => value), format: "d", grid: false };
  const line = { type: "line" as const };
  const encoding = (field: keyof PlottedPoint) => ({
    x: { ...log, field: "value", title: size, axis },
    y: { ...log, field, title: "seconds" },
  });
  return {
    title: TITLES[`${values[0]!.workload} ${size}`] ?? size,
    width: 260,
    height: 200,
    data: { values },
    layer: [
      { mark: { ...line, strokeDash: [4, 4], color: "#999" }, encoding: encoding("proportional") },
      { mark: { ...line, point: true, color: "#1f5fa8" }, encoding: encoding("seconds") },
    ],
  };
}
