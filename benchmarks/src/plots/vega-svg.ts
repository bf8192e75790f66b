import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** A chart as the text of an SVG file. */
export async function vegaSvg(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
