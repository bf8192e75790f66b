import type { ReportData, ReportRecord } from "../src/model.ts";
import { evaluateCommand } from "../src/repeat-command.ts";
import { bdi, choice, h, section, tableBox } from "./dom.ts";
import { accuracyText, bytesText, datasetText, differenceText, secondsText, totalBytes } from "./format.ts";

/** Rows that are in the page at a time, and are added by the button below them. */
const ROWS = 100;

interface Column {
  readonly title: string;
  /** What rows are sorted by. */
  readonly key: (record: ReportRecord) => string | number;
  readonly cell: (record: ReportRecord) => Node | string;
  readonly number?: true;
}

const COLUMNS: readonly Column[] = [
  { title: "Method", key: ({ method }) => method, cell: ({ method }) => bdi(method) },
  { title: "Data set", key: datasetText, cell: (record) => bdi(datasetText(record)) },
  { title: "IPC", key: ({ ipc }) => ipc, cell: ({ ipc }) => String(ipc), number: true },
  { title: "Network", key: ({ network }) => network, cell: ({ network }) => bdi(network) },
  { title: "Protocol", key: ({ protocol }) => protocol, cell: ({ protocol }) => bdi(protocol) },
  { title: "Accuracy, %", key: ({ mean }) => mean, cell: accuracyText, number: true },
  {
    title: "To the best",
    key: ({ best, toBest }) => (best ? 0 : (toBest?.mean ?? -1000)),
    cell: (record) =>
      h(
        "span",
        { class: record.best ? "best" : record.toBest?.real === false ? "noise" : "" },
        differenceText(record),
      ),
    number: true,
  },
  { title: "Stored", key: totalBytes, cell: (record) => bytesText(totalBytes(record)), number: true },
  {
    title: "Distilled in",
    key: ({ seconds }) => seconds.distill,
    cell: ({ seconds }) => secondsText(seconds.distill),
    number: true,
  },
  { title: "Date", key: ({ date }) => date, cell: ({ date }) => bdi(date.slice(0, 10)) },
];
const ACCURACY = COLUMNS.findIndex(({ title }) => title === "Accuracy, %");

interface Filters {
  text: string;
  dataset: string;
  method: string;
  ipc: string;
  network: string;
  protocol: string;
}

/** All records: sorted, filtered, each with what is needed to repeat it. */
export function leaderboardSection(data: ReportData): HTMLElement | undefined {
  const { records } = data;
  if (records.length === 0) return undefined;
  const filters: Filters = { text: "", dataset: "", method: "", ipc: "", network: "", protocol: "" };
  const haystacks = records.map((record) =>
    [record.method, record.dataset, record.network, record.protocol, record.precision, record.commit]
      .join(" ")
      .toLowerCase(),
  );
  let sorted = { column: ACCURACY, descending: true };
  let rows = ROWS;

  const body = h("tbody");
  const status = h("p", { class: "quiet", role: "status" });
  const more = h(
    "button",
    {
      type: "button",
      onclick: () => {
        rows += ROWS;
        draw();
      },
    },
    `Show ${ROWS} more`,
  );
  const heads = COLUMNS.map(({ title, number }, column) => {
    const button = h("button", { type: "button", onclick: () => sortBy(column) }, title);
    return h("th", { scope: "col", class: number ? "number" : undefined }, button);
  });
  heads.push(h("th", { scope: "col" }, h("span", { class: "unseen" }, "Details")));

  function sortBy(column: number): void {
    sorted = {
      column,
      descending: sorted.column === column ? !sorted.descending : COLUMNS[column]!.number === true,
    };
    draw();
  }
  function fits(record: ReportRecord, i: number): boolean {
    return (
      (filters.text === "" || haystacks[i]!.includes(filters.text)) &&
      (filters.dataset === "" || datasetText(record) === filters.dataset) &&
      (filters.method === "" || record.method === filters.method) &&
      (filters.ipc === "" || String(record.ipc) === filters.ipc) &&
      (filters.network === "" || record.network === filters.network) &&
      (filters.protocol === "" || record.protocol === filters.protocol)
    );
  }
  function draw(): void {
    const { key } = COLUMNS[sorted.column]!;
    const sign = sorted.descending ? -1 : 1;
    const found = records
      .filter(fits)
      .map((record) => ({ record, value: key(record) }))
      .sort((a, b) => sign * (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
    body.replaceChildren(...found.slice(0, rows).map(({ record }) => rowOf(record, data)));
    status.textContent =
      found.length > rows ? `${rows} of ${found.length} evaluations shown` : `${found.length} evaluations`;
    more.hidden = found.length <= rows;
    heads.forEach((head, column) => {
      if (column === sorted.column)
        head.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }
  function change(key: keyof Filters): (value: string) => void {
    return (value) => {
      filters[key] = value;
      rows = ROWS;
      draw();
    };
  }
  const search = h("input", {
    type: "search",
    oninput: () => change("text")(search.value.trim().toLowerCase()),
  });
  const controls = h(
    "div",
    { class: "controls" },
    h("label", { class: "field" }, h("span", {}, "Search"), search),
    select("Data set", records.map(datasetText), change("dataset")),
    select(
      "Method",
      records.map(({ method }) => method),
      change("method"),
    ),
    select(
      "IPC",
      records.map(({ ipc }) => String(ipc)),
      change("ipc"),
    ),
    select(
      "Network",
      records.map(({ network }) => network),
      change("network"),
    ),
    select(
      "Protocol",
      records.map(({ protocol }) => protocol),
      change("protocol"),
    ),
  );
  draw();
  const table = h("table", { class: "leaderboard" }, h("thead", {}, h("tr", {}, ...heads)), body);
  return section(
    "leaderboard",
    "Leaderboard",
    h(
      "p",
      { class: "quiet" },
      "Accuracy on the real test split: mean ± standard deviation over n fresh networks. “To the best” compares with the best of the same data set, IPC, network and protocol, network by network where the seeds are the same: “real” means that the 95 % interval of the difference leaves out zero.",
    ),
    controls,
    status,
    tableBox("Leaderboard", table),
    more,
  );
}

function select(label: string, values: readonly string[], onchange: (value: string) => void): HTMLElement {
  const options = [...new Set(values)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return choice(
    label,
    [{ value: "", text: "all" }, ...options.map((value) => ({ value, text: value }))],
    onchange,
  );
}

function rowOf(record: ReportRecord, data: ReportData): HTMLTableRowElement {
  const row = h("tr", {});
  const button = h(
    "button",
    { type: "button", class: "plain", "aria-expanded": "false", onclick: toggle },
    "Details",
  );
  let details: HTMLTableRowElement | undefined;
  function toggle(): void {
    if (details === undefined) {
      details = h(
        "tr",
        { class: "details" },
        h("td", { colspan: COLUMNS.length + 1 }, detailsOf(record, data)),
      );
      row.after(details);
    } else {
      details.remove();
      details = undefined;
    }
    button.setAttribute("aria-expanded", String(details !== undefined));
  }
  row.append(
    ...COLUMNS.map(({ cell, number }) => h("td", { class: number ? "number" : undefined }, cell(record))),
    h("td", {}, button),
  );
  return row;
}

function detailsOf(record: ReportRecord, { configs, sources, sets }: ReportData): HTMLElement {
  const set = sets.find(({ hash }) => hash === record.set);
  const evaluate = evaluateCommand(set?.path ?? "set.arrow", record);
  const facts: readonly (readonly [string, string])[] = [
    ["each seed", record.seeds.map((seed, i) => `${seed}: ${record.accuracy[i]!.toFixed(2)} %`).join(", ")],
    [
      "95 % interval of the mean",
      record.halfWidth === undefined ? "one seed: none" : `± ${record.halfWidth.toFixed(2)}`,
    ],
    ["evaluated in", secondsText(record.seconds.evaluate)],
    [
      "bytes",
      `${record.bytes.images} images, ${record.bytes.labels} labels, ${record.bytes.decoder} decoder`,
    ],
    ["back end", `${record.backend}, precision ${record.precision}`],
    ["machine", record.machine],
    ["commit", record.commit],
    ["set", record.set],
    ["file", sources[record.source] ?? ""],
  ];
  return h(
    "div",
    {},
    h("dl", {}, ...facts.flatMap(([term, text]) => [h("dt", {}, term), h("dd", {}, bdi(text))])),
    ...(set === undefined ? [] : [h("p", {}, "Distil it again:"), command(set.command)]),
    h("p", {}, "Evaluate it again:"),
    command(evaluate),
    h("p", {}, "Configuration:"),
    command(configs[record.config] ?? ""),
  );
}

/** Text to copy. */
export function command(text: string): HTMLElement {
  return h("pre", { tabindex: 0 }, h("code", {}, bdi(text)));
}
