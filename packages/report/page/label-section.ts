import type { LabelComparison, ReportData, Spread } from "../src/model.ts";
import { bdi, h, section, tableBox } from "./dom.ts";
import { datasetText } from "./format.ts";

/** Sets whose two-by-two is drawn at once; the others when they are asked for. */
const CARDS = 12;

/** Images against labels, for each set: hard labels and a teacher's, on condensed and on random images; DD-Ranking's scores. */
export function labelSection({ records, labelComparisons: all }: ReportData): HTMLElement | undefined {
  if (records.length === 0) return undefined;
  const title = "Hard and soft labels";
  if (all.length === 0) {
    return section(
      "labels",
      title,
      h(
        "p",
        {},
        "Nothing here says what of an accuracy is the images' and what the labels': that takes evaluations of a set and of random images with hard labels and with a teacher's (",
        h("code", {}, "limbeck evaluate set.arrow --random --protocol neutral-hard-v1"),
        ", the same under neutral-soft-v1 and neutral-v1), and of the full data under neutral-hard-v1.",
      ),
    );
  }
  let shown = 0;
  const cards = h("div", { class: "charts" });
  const more = h("button", { type: "button", onclick: () => show() }, "");
  const show = (): void => {
    cards.append(...all.slice(shown, shown + CARDS).map(gridCard));
    shown = Math.min(all.length, shown + CARDS);
    more.hidden = shown >= all.length;
    more.textContent = `Show more sets (${all.length - shown} left)`;
  };
  show();
  return section(
    "labels",
    title,
    h(
      "p",
      { class: "quiet" },
      "Accuracy, %, under the neutral protocols: mean ± standard deviation of fresh networks on one set, and the 95 % interval of the mean. Soft labels alone lift random images; what the images themselves are worth shows with hard labels.",
    ),
    cards,
    more,
    ...scores(all),
  );
}

function gridCard(each: LabelComparison, i: number): HTMLElement {
  const { cells } = each;
  const withOwn = each.labels === "soft" || (each.labels !== "hard" && cells.setOwn !== undefined);
  const heads = ["hard labels", "a teacher's labels", ...(withOwn ? ["its own labels"] : [])];
  const row = (name: string, ...spreads: readonly (Spread | undefined)[]): HTMLElement =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      ...spreads.map((spread) => h("td", {}, ...spreadCell(spread))),
    );
  return h(
    "article",
    { class: "card", "aria-label": `Labels of set ${i + 1}` },
    h("h3", {}, ...setName(each)),
    tableBox(
      `Hard and soft labels, set ${i + 1}`,
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, h("td", {}), ...heads.map((head) => h("th", { scope: "col" }, head)))),
        h(
          "tbody",
          {},
          row("condensed", cells.setHard, cells.setSoft, ...(withOwn ? [cells.setOwn] : [])),
          row("random", cells.randomHard, cells.randomSoft, ...(withOwn ? [undefined] : [])),
          row("full data", cells.fullHard, undefined, ...(withOwn ? [undefined] : [])),
        ),
      ),
    ),
    h("p", { class: "quiet" }, gains(each)),
  );
}

/** What the four differ by, as far as they are there. */
function gains({ cells, missing }: LabelComparison): string {
  const { setHard, setSoft, randomHard, randomSoft, fullHard } = cells;
  const points = (a: Spread | undefined, b: Spread | undefined): string | undefined =>
    a && b && `${a.mean < b.mean ? "−" : "+"}${Math.abs(a.mean - b.mean).toFixed(1)}`;
  const images = points(setHard, randomHard);
  const underTeacher = points(setSoft, randomSoft);
  const labels = points(setSoft, setHard);
  const said = [
    images === undefined ? "" : `The images: ${images} points over random ones with hard labels.`,
    underTeacher === undefined ? "" : `With a teacher's: ${underTeacher}.`,
    labels === undefined ? "" : `The teacher's labels: ${labels} on these images.`,
    setHard === undefined || fullHard === undefined
      ? ""
      : `With hard labels they recover ${((100 * setHard.mean) / fullHard.mean).toFixed(0)} % of the full data's accuracy.`,
    missing.length === 0 ? "" : `Not measured: ${missing.join("; ")}.`,
  ];
  return said.filter((sentence) => sentence !== "").join(" ");
}

function scores(all: readonly LabelComparison[]): HTMLElement[] {
  const names = ["hlr", "ior", "lrs", "ars"] as const;
  const row = (each: LabelComparison): HTMLElement => {
    const { scores: own, missing, missingForAugmentation } = each;
    const lacking = [
      own !== undefined ? "" : missing.length > 0 ? missing.join("; ") : "seeds that all evaluations share",
      own?.ars === undefined && missingForAugmentation.length > 0
        ? `for ARS ${missingForAugmentation.join("; ")}`
        : "",
    ].filter((part) => part !== "");
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, ...setName(each)),
      ...names.map((name) => h("td", {}, ...spreadCell(own?.[name]))),
      h("td", { class: "number" }, own === undefined ? "–" : own.lrs.n),
      h("td", {}, lacking.join("; ") || "nothing"),
    );
  };
  const heads = ["Set", "HLR", "IOR", "LRS", "ARS", "n", "Still needed"];
  return [
    h("h3", { class: "apart" }, "Fair scores"),
    h(
      "p",
      { class: "quiet" },
      "DD-Ranking's, by their definitions: HLR is what hard labels lose against the full data (smaller is better), IOR what the set wins over random images with labels of its kind, both in percentage points; LRS weighs the two, ARS compares with and without augmentation, both out of 100 (26.9: no better than random). Each over n repetitions, seeds of set and network.",
    ),
    tableBox(
      "Fair scores",
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", {}, ...all.map(row)),
      ),
    ),
  ];
}

function setName(each: LabelComparison): (Node | string)[] {
  const { method, ipc, network } = each;
  return [bdi(method), " on ", bdi(datasetText(each)), `, IPC ${ipc}, `, bdi(network)];
}

/** `54.2 ± 0.8` and its interval below. */
function spreadCell(spread: Spread | undefined): (Node | string)[] {
  if (spread === undefined) return ["–"];
  const { mean, std, halfWidth, n } = spread;
  const value = std === undefined ? mean.toFixed(1) : `${mean.toFixed(1)} ± ${std.toFixed(1)}`;
  if (halfWidth === undefined) return [value, h("div", { class: "quiet" }, `n = ${n}`)];
  const interval = `95 %: ${(mean - halfWidth).toFixed(1)} to ${(mean + halfWidth).toFixed(1)}`;
  return [value, h("div", { class: "quiet" }, interval)];
}
