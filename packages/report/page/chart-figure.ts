import * as Plot from "@observablehq/plot";
import { seriesStyle, type ChartPlace } from "../src/charts.ts";
import { bdi, h } from "./dom.ts";

/** Symbols of a legend, drawn as text. */
const GLYPHS: Readonly<Record<string, string>> = {
  circle: "●",
  square: "■",
  triangle: "▲",
  diamond: "◆",
  star: "★",
  cross: "✚",
  wye: "Y",
  hexagon: "⬢",
};

interface FigureOptions {
  /** In place of the caption. */
  readonly text?: string;
  /** The series that this chart has; default all. */
  readonly used?: readonly string[];
  readonly withSymbols?: boolean;
}

/** A chart with its caption and legend, as wide as its place; `update` draws it anew. */
export function chartFigure(caption: string): {
  readonly element: HTMLElement;
  update(
    chart: (place: ChartPlace) => Plot.PlotOptions,
    names: readonly string[],
    options?: FigureOptions,
  ): void;
} {
  const box = h("div", { class: "chart" });
  const legend = h("ul", { class: "legend", "aria-label": "legend" });
  const words = h("figcaption", {}, caption);
  const element = h("figure", {}, words, legend, box);
  return {
    element,
    update(chart, names, { text = caption, used = names, withSymbols = true } = {}) {
      words.textContent = text;
      const width = Math.max(260, Math.min(680, box.clientWidth || 640));
      const svg = Plot.plot({ ...chart({ width }), style: { background: "transparent" } });
      // To a screen reader the chart is one picture; the numbers are in the leaderboard.
      for (const part of svg.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", text);
      box.replaceChildren(svg);
      legend.replaceChildren(
        ...used.map((name) => {
          const { colour, symbol } = seriesStyle(names.indexOf(name));
          const key = h("span", { "aria-hidden": "true" }, withSymbols ? GLYPHS[symbol]! : "━");
          key.style.color = colour;
          return h("li", {}, key, " ", bdi(name));
        }),
      );
    },
  };
}
