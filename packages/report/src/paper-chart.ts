import domino from "@mixmark-io/domino";
import * as Plot from "@observablehq/plot";
import { seriesStyle, type ChartPlace } from "./charts.ts";

const WIDTH = 480;
const HEIGHT = 300;
const FONT = "Helvetica, Arial, sans-serif";
/** Height of a line of the legend, and the width of a letter, about. */
const LINE = 18;
const LETTER = 6.3;

/** A chart as the text of an SVG file, with its legend, for paper: black on white, nothing that needs a style sheet. */
export function paperSvg(chart: (place: ChartPlace) => Plot.PlotOptions, names: readonly string[]): string {
  const legend = legendPlaces(names);
  const legendHeight = names.length < 2 ? 0 : (legend.at(-1)!.row + 1) * LINE;
  const [body, key] = [
    svgOf({ ...chart({ width: WIDTH, height: HEIGHT }) }),
    svgOf({
      width: WIDTH,
      height: Math.max(LINE, legendHeight),
      margin: 0,
      axis: null,
      x: { domain: [0, WIDTH] },
      y: { domain: [Math.max(LINE, legendHeight), 0] },
      color: { type: "identity" },
      marks: [
        ...legend.map(({ x, y, colour, symbol }) =>
          Plot.dot([{ x, y }], { x: "x", y: "y", fill: colour, stroke: colour, symbol, r: 4 }),
        ),
        Plot.text(legend, {
          x: ({ x }: { x: number }) => x + 9,
          y: "y",
          text: "name",
          textAnchor: "start",
          fontSize: 11,
        }),
      ],
    }),
  ];
  const placed = (svg: string, y: number): string => svg.replace("<svg ", `<svg x="0" y="${y}" `);
  const total = HEIGHT + legendHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${total}" viewBox="0 0 ${WIDTH} ${total}">`,
    `<rect width="${WIDTH}" height="${total}" fill="#ffffff"/>`,
    ...(legendHeight === 0 ? [] : [placed(key, 0)]),
    placed(body, legendHeight),
    "</svg>\n",
  ].join("\n");
}

function svgOf(options: Plot.PlotOptions): string {
  const document = domino.createDocument("");
  const { outerHTML } = Plot.plot({ ...options, document: document as never }) as unknown as {
    outerHTML: string;
  };
  return outerHTML
    .replace(/<style>[\s\S]*?<\/style>/g, "")
    .replaceAll("currentColor", "#000000")
    .replaceAll("system-ui, sans-serif", FONT)
    .replaceAll("var(--plot-background)", "#ffffff");
}

interface LegendPlace {
  readonly name: string;
  readonly row: number;
  readonly x: number;
  readonly y: number;
  readonly colour: string;
  readonly symbol: ReturnType<typeof seriesStyle>["symbol"];
}

function legendPlaces(names: readonly string[]): LegendPlace[] {
  let x = 10;
  let row = 0;
  return names.map((name, i) => {
    const width = 24 + name.length * LETTER;
    if (x > 10 && x + width > WIDTH) {
      x = 10;
      row += 1;
    }
    const place = { name, row, x, y: row * LINE + LINE / 2, ...seriesStyle(i) };
    x += width;
    return place;
  });
}
