import { curvesChart } from "../src/charts.ts";
import type { ReportData, ReportRecord, ReportRun } from "../src/model.ts";
import { chartFigure } from "./chart-figure.ts";
import { bdi, choice, h, section, tableBox, whenSeen } from "./dom.ts";
import { accuracyText, bytesText, datasetText, secondsText } from "./format.ts";
import { command } from "./leaderboard.ts";
import { setCard } from "./set-card.ts";

/** Sets whose cards are made at once; the others when they are asked for. */
const SETS = 12;
/** Runs in one chart. */
const MOST_CURVES = 8;

export function problemsSection({ problems }: ReportData): HTMLElement | undefined {
  if (problems.length === 0) return undefined;
  return section(
    "problems",
    "Could not be read",
    h("ul", {}, ...problems.map(({ path, message }) => h("li", {}, bdi(path), ": ", bdi(message)))),
  );
}

export function setsSection(data: ReportData): HTMLElement | undefined {
  const { sets } = data;
  if (sets.length === 0) return undefined;
  let shown = 0;
  const cards = h("div", { class: "cards" });
  const more = h("button", { type: "button", onclick: () => show(SETS) }, "Show more sets");
  const show = (count: number): void => {
    cards.append(...sets.slice(shown, shown + count).map((set, i) => setCard(set, data, shown + i + 1)));
    shown = Math.min(sets.length, shown + count);
    more.hidden = shown >= sets.length;
    more.textContent = `Show more sets (${sets.length - shown} left)`;
  };
  show(SETS);
  return section("sets", "Condensed sets", cards, more);
}

export function runsSection({ runs }: ReportData): HTMLElement | undefined {
  if (runs.length === 0) return undefined;
  const terms = [...new Set(runs.flatMap(({ curves }) => curves.map(({ name }) => name)))];
  const figure = chartFigure("Loss over the steps of each run.");
  const names = runNames(runs);
  const draw = (term: string): void => {
    const own = runs.flatMap((run, i) => {
      const curve = run.curves.find(({ name }) => name === term);
      return curve === undefined ? [] : [{ name: names[i]!, curve }];
    });
    const drawn = own.slice(-MOST_CURVES);
    const some = drawn.length < own.length ? ` The last ${drawn.length} of ${own.length} runs.` : "";
    figure.update(
      (place) => curvesChart(drawn, place),
      drawn.map(({ name }) => name),
      { text: `${term} over the steps of each run.${some}`, withSymbols: false },
    );
  };
  if (terms.length > 0) whenSeen(figure.element, () => draw(terms[0]!));
  return section(
    "runs",
    "Runs",
    ...(terms.length === 0
      ? []
      : [
          h(
            "div",
            { class: "controls" },
            choice(
              "Term",
              terms.map((value) => ({ value, text: value })),
              draw,
            ),
          ),
          figure.element,
        ]),
    tableBox(
      "Runs",
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ...["Run", "State", "Steps", "Time", "Peak memory", "Back end", "Folder"].map((title) =>
              h("th", { scope: "col" }, title),
            ),
          ),
        ),
        h("tbody", {}, ...runs.map((run, i) => runRow(run, names[i]!))),
      ),
    ),
    h(
      "details",
      {},
      h("summary", {}, "Commands that repeat the runs"),
      ...runs.slice(0, 50).map(({ command: text }) => command(text)),
    ),
  );
}

function runNames(runs: readonly ReportRun[]): string[] {
  const seen = new Map<string, number>();
  return runs.map(({ method, dataset, ipc, seed }) => {
    const name = `${method} ${dataset} ipc ${ipc ?? "?"} seed ${seed}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}

function runRow(run: ReportRun, name: string): HTMLElement {
  const progress = h("progress", {
    max: Math.max(1, run.steps),
    value: run.step,
    "aria-label": `Progress of ${name}`,
  });
  return h(
    "tr",
    {},
    h("td", {}, bdi(name)),
    h("td", {}, run.state),
    h("td", {}, progress, ` ${run.step} of ${run.steps}`),
    h("td", {}, secondsText(run.seconds)),
    h("td", {}, bytesText(run.peakBytes)),
    h("td", {}, bdi(`${run.backend}, ${run.precision}, ${run.threads} threads`)),
    h("td", {}, bdi(run.path)),
  );
}

/** Accuracies of sets by the network that is trained on them; only where some set was tried on two networks. */
export function matrixSection({ records }: ReportData): HTMLElement | undefined {
  const bySet = Map.groupBy(records, (record) =>
    JSON.stringify([record.set, record.method, record.ipc, record.protocol, datasetText(record)]),
  );
  const rows = [...bySet.values()]
    .filter((own) => new Set(own.map(({ network }) => network)).size > 1)
    .slice(0, 100);
  if (rows.length === 0) return undefined;
  const networks = [...new Set(rows.flat().map(({ network }) => network))].sort();
  const means = rows.flat().map(({ mean }) => mean);
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const cell = (record: ReportRecord | undefined): HTMLElement => {
    if (record === undefined) return h("td", { class: "number" }, "–");
    const made = h("td", { class: "number shade" }, accuracyText(record));
    made.style.setProperty("--share", `${(100 * (record.mean - low)) / Math.max(1e-9, high - low)}%`);
    return made;
  };
  return section(
    "networks",
    "Other networks",
    h("p", { class: "quiet" }, "Accuracy, %, of fresh networks of each kind, trained on the set of the row."),
    tableBox(
      "Accuracy by network",
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "Set"),
            ...networks.map((name) => h("th", { scope: "col", class: "number" }, bdi(name))),
          ),
        ),
        h(
          "tbody",
          {},
          ...rows.map((own) => {
            const { method, ipc, protocol } = own[0]!;
            const title = `${method}, ${datasetText(own[0]!)}, IPC ${ipc}, ${protocol}`;
            return h(
              "tr",
              {},
              h("th", { scope: "row" }, bdi(title)),
              ...networks.map((name) => cell(own.find(({ network }) => network === name))),
            );
          }),
        ),
      ),
    ),
  );
}

export function citationsSection({ citations, made, version, sources }: ReportData): HTMLElement {
  return section(
    "citations",
    "Citations and sources",
    ...citations.map(({ title, cite }) => h("details", {}, h("summary", {}, bdi(title)), command(cite))),
    h(
      "p",
      { class: "quiet" },
      "Made by Limbeck ",
      bdi(version),
      ", ",
      bdi(made),
      ". Read: ",
      bdi(sources.slice(0, 20).join(", ") || "no records"),
      sources.length > 20 ? ` and ${sources.length - 20} more` : "",
      ".",
    ),
  );
}
