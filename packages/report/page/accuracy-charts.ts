import { accuracyChart, seriesOf, type AccuracyAxis } from "../src/charts.ts";
import type { ReportData, ReportRecord } from "../src/model.ts";
import { chartFigure } from "./chart-figure.ts";
import { choice, h, section, whenSeen } from "./dom.ts";
import { datasetText } from "./format.ts";

/** Records of one chart that are drawn: the best and, of the rest, every n-th. */
const MOST_MARKS = 600;

const TITLES: Readonly<Record<AccuracyAxis, string>> = {
  ipc: "Accuracy over images per class. Bars: 95 % interval of the mean. Hollow, dashed: as published, each under its own protocol.",
  bytes: "Accuracy over the bytes that have to be stored.",
  seconds: "Accuracy over the seconds that the distillation took.",
};

/** Accuracies of one comparison over images per class, bytes and seconds. */
export function accuracySection({ records, anchors }: ReportData): HTMLElement | undefined {
  if (records.length === 0) return undefined;
  const groups = Map.groupBy(records, groupOf);
  const ordered = [...groups].sort(([, a], [, b]) => b.length - a.length);
  const axes = Object.keys(TITLES) as AccuracyAxis[];
  const figures = axes.map((axis) => ({ axis, ...chartFigure(TITLES[axis]) }));
  let chosen = ordered[0]![0];
  const draw = (): void => {
    const own = groups.get(chosen)!;
    const drawn = thinned(own);
    const beside = anchors.filter(
      ({ dataset }) => dataset === own[0]!.dataset && !own[0]!.zca && own[0]!.network.startsWith("convnet3"),
    );
    const names = seriesOf(drawn, beside);
    for (const { axis, update } of figures) {
      const published = axis === "ipc" ? beside : [];
      const some = drawn.length < own.length ? ` ${drawn.length} of ${own.length} records drawn.` : "";
      update((place) => accuracyChart(drawn, axis, published, names, place), names, {
        text: TITLES[axis] + some,
        used: seriesOf(
          drawn.filter(({ seconds }) => axis !== "seconds" || seconds.distill > 0),
          published,
        ),
      });
    }
  };
  const control = choice(
    "Compare",
    ordered.map(([value, own]) => ({ value, text: `${value} (${own.length})` })),
    (value) => {
      chosen = value;
      draw();
    },
  );
  const charts = h("div", { class: "charts" }, ...figures.map(({ element }) => element));
  whenSeen(charts, draw);
  return section("accuracy", "Accuracy", h("div", { class: "controls" }, control), charts);
}

function groupOf(record: ReportRecord): string {
  return `${datasetText(record)} · ${record.network} · ${record.protocol}`;
}

function thinned(records: readonly ReportRecord[]): readonly ReportRecord[] {
  if (records.length <= MOST_MARKS) return records;
  const stride = Math.ceil(records.length / MOST_MARKS);
  return records.filter((record, i) => record.best || i % stride === 0);
}
