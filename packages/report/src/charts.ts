import * as Plot from "@observablehq/plot";
import type { Anchor, Curve, MachineLoad, ReportRecord } from "./model.ts";

/** What stands along the horizontal axis of accuracies. */
export type AccuracyAxis = "ipc" | "bytes" | "seconds";

const AXES: Readonly<Record<AccuracyAxis, { readonly label: string; of(record: ReportRecord): number }>> = {
  ipc: { label: "images per class", of: ({ ipc }) => ipc },
  bytes: { label: "bytes stored", of: ({ bytes }) => bytes.images + bytes.labels + bytes.decoder },
  seconds: { label: "seconds of distillation", of: ({ seconds }) => seconds.distill },
};

/** What every chart needs to know of where it stands. */
export interface ChartPlace {
  readonly width: number;
  readonly height?: number;
}

/** Colours that people with any colour vision tell apart (Okabe and Ito), dark enough on white, light enough on black. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7f7f7f", "#a65fd4"];
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "cross", "wye", "hexagon"] as const;

/** The chart's own names for its series, in the order of their colours and symbols. */
export function seriesOf(
  records: readonly { readonly method: string }[],
  anchors: readonly Anchor[] = [],
): string[] {
  return [...new Set([...records, ...anchors].map(({ method }) => method))].sort();
}

/** Colour and symbol of the n-th series. */
export function seriesStyle(n: number): {
  readonly colour: string;
  readonly symbol: (typeof SYMBOLS)[number];
} {
  return {
    colour: COLOURS[n % COLOURS.length]!,
    symbol: SYMBOLS[(n + Math.floor(n / COLOURS.length)) % SYMBOLS.length]!,
  };
}

function styled(names: readonly string[]): Pick<Plot.PlotOptions, "color" | "symbol"> {
  return {
    color: { domain: [...names], range: names.map((_, i) => seriesStyle(i).colour) },
    symbol: { domain: [...names], range: names.map((_, i) => seriesStyle(i).symbol) },
  };
}

/**
 * Accuracy over images per class, bytes or seconds: a mark a record with the 95 % interval of its mean; hollow marks with a dashed
 * line are what papers report.
 *
 * @param records Of one comparison: same data set, network and protocol.
 * @param anchors Only beside images per class.
 * @param names All series, in the order of their colours, so that a method has the same in every chart; see {@link seriesOf}.
 */
export function accuracyChart(
  records: readonly ReportRecord[],
  axis: AccuracyAxis,
  anchors: readonly Anchor[],
  names: readonly string[],
  { width, height = 300 }: ChartPlace,
): Plot.PlotOptions {
  const { label, of } = AXES[axis];
  // A logarithm has no zero.
  const drawn = records.filter((record) => of(record) > 0);
  const beside = axis === "ipc" ? anchors : [];
  const spread = drawn.filter(({ halfWidth }) => halfWidth !== undefined);
  return {
    width,
    height,
    marginLeft: 46,
    marginBottom: 40,
    x: { type: "log", label, labelArrow: "none", grid: true, nice: true, ticks: 5, tickFormat: "~s" },
    y: { label: "accuracy, %", labelArrow: "none", grid: true, nice: true },
    ...styled(names),
    ariaLabel: `accuracy over ${label}`,
    marks: [
      Plot.line(beside, {
        x: "ipc",
        y: "mean",
        z: "method",
        stroke: "method",
        strokeDasharray: "3,3",
        strokeOpacity: 0.6,
      }),
      Plot.dot(beside, { x: "ipc", y: "mean", stroke: "method", symbol: "method", r: 4, strokeOpacity: 0.8 }),
      Plot.ruleX(spread, {
        x: of,
        y1: ({ mean, halfWidth }: ReportRecord) => Math.max(0, mean - halfWidth!),
        y2: ({ mean, halfWidth }: ReportRecord) => Math.min(100, mean + halfWidth!),
        stroke: "method",
        strokeWidth: 1.5,
      }),
      Plot.dot(drawn, { x: of, y: "mean", fill: "method", stroke: "method", symbol: "method", r: 4.5 }),
    ],
  };
}

/** A term of several runs over their steps. Values of a loss that are all positive and span decades stand on a logarithm. */
export function curvesChart(
  curves: readonly { readonly name: string; readonly curve: Curve }[],
  { width, height = 240 }: ChartPlace,
): Plot.PlotOptions {
  const points = curves.flatMap(({ name, curve }) =>
    curve.steps.map((step, i) => ({ name, step, value: curve.values[i]! })),
  );
  const values = points.map(({ value }) => value);
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const logarithmic = least > 0 && most / least > 30;
  const names = [...new Set(curves.map(({ name }) => name))];
  return {
    width,
    height,
    marginLeft: 52,
    x: { label: "step", labelArrow: "none", grid: true },
    y: {
      label: null,
      grid: true,
      type: logarithmic ? "log" : "linear",
      ...(logarithmic ? { ticks: 4, tickFormat: "~s" } : {}),
    },
    color: styled(names).color!,
    ariaLabel: "loss over steps",
    marks: [Plot.line(points, { x: "step", y: "value", z: "name", stroke: "name", strokeWidth: 1.5 })],
  };
}

/** What {@link loadChart} draws. */
export const LOAD_SERIES = ["processor", "memory"] as const;

/** Shares of processor and memory in use over the last seconds. */
export function loadChart(
  { samples, memory }: MachineLoad,
  { width, height = 90 }: ChartPlace,
): Plot.PlotOptions {
  const points = samples.flatMap((sample, i) => {
    const second = i + 1 - samples.length;
    return [
      { name: "processor", second, share: 100 * sample.processor },
      { name: "memory", second, share: (100 * sample.memory) / memory },
    ];
  });
  return {
    width,
    height,
    marginLeft: 46,
    marginBottom: 32,
    x: { label: "seconds", labelArrow: "none", domain: [1 - samples.length || -1, 0], ticks: 5 },
    y: { label: "%", labelArrow: "none", domain: [0, 100], ticks: 3, grid: true },
    color: styled(LOAD_SERIES).color!,
    ariaLabel: "machine load over seconds",
    marks: [Plot.line(points, { x: "second", y: "share", z: "name", stroke: "name", strokeWidth: 1.5 })],
  };
}

/** Accuracy on test images while networks train. */
export function trainingChart(
  points: readonly { readonly name: string; readonly epoch: number; readonly accuracy: number }[],
  names: readonly string[],
  epochs: number,
  { width, height = 260 }: ChartPlace,
): Plot.PlotOptions {
  return {
    width,
    height,
    marginLeft: 46,
    x: { label: "epoch", labelArrow: "none", domain: [0, epochs], grid: true },
    y: { label: "accuracy, %", labelArrow: "none", domain: [0, 100], grid: true },
    ...styled(names),
    ariaLabel: "accuracy on test images over epochs",
    marks: [
      Plot.line(points, { x: "epoch", y: "accuracy", z: "name", stroke: "name", strokeWidth: 2 }),
      Plot.dot(points, { x: "epoch", y: "accuracy", fill: "name", symbol: "name", r: 3 }),
    ],
  };
}
