import type { ReportData, ReportRecord, ReportSet } from "../src/model.ts";
import { bdi, choice, h, whenSeen } from "./dom.ts";
import { drawGrid, drawImage, gridOf, type Contrast } from "./draw-images.ts";
import { accuracyText, bytesText } from "./format.ts";
import { command } from "./leaderboard.ts";
import { unpackImages } from "./unpack.ts";

const MOST_LABELS = 5;

/** How the cards on the page take a newer state of their set, by the set's id. */
const followers = new Map<string, (newer: ReportSet) => void>();
/** Step of the earlier state that the reader chose, by the set's id; not there where the newest is shown. */
const chosenSteps = new Map<string, number>();

/** Shows newer states of the sets that the page has, without drawing it anew. */
export function followSets(newer: readonly ReportSet[]): void {
  for (const set of newer) followers.get(set.id)?.(set);
}

/** A condensed set: its images, what is known of each, how they came to be. Shows the newest state, or the one that was chosen. */
export function setCard(first: ReportSet, data: ReportData, number: number): HTMLElement {
  let set = first;
  const own = data.records.filter((record) => record.set === set.hash);
  const grid = gridOf(set.labels, set.classes.length);
  let contrast: Contrast = "raw";
  let zoom = Math.max(1, Math.min(4, Math.floor(640 / (grid.columns * (set.shape[1] + 1)))));
  let place = 0;
  // The last state is the set itself.
  let state = stateOf(set);
  let values: Float32Array | undefined;

  const canvas = h("canvas", {
    tabindex: 0,
    role: "application",
    "aria-roledescription": "image grid",
    "aria-label": `Images of set ${number}, one row a class; arrow keys move`,
    onkeydown: onKey,
    onpointermove: onPoint,
    onclick: onPoint,
  });
  const detail = h("div", { class: "one-image" });
  const box = h("div", { class: "scroll images" }, canvas);
  const steps = h("output", {}, "");
  const scrubber = h("input", {
    type: "range",
    min: 0,
    max: Math.max(0, set.evolution.length - 1),
    value: Math.max(0, state),
    oninput: () => {
      state = Number(scrubber.value);
      const { step } = set.evolution[state]!;
      if (state < set.evolution.length - 1) chosenSteps.set(set.id, step);
      else chosenSteps.delete(set.id);
      void draw();
    },
  });
  const zoomer = h("input", {
    type: "range",
    min: 1,
    max: 8,
    step: 1,
    value: zoom,
    oninput: () => resize(Number(zoomer.value)),
  });

  const summary = h("p", { class: "quiet" });
  const evolution = h("label", { class: "field" }, h("span", {}, "Evolution"), scrubber, steps);

  followers.set(set.id, (newer) => {
    if (
      newer.shown.length !== set.shown.length ||
      newer.evolution.at(-1)?.step === set.evolution.at(-1)?.step
    )
      return;
    set = newer;
    state = stateOf(set);
    describeState();
    void draw();
  });
  function describeState(): void {
    summary.textContent = describe(set);
    evolution.hidden = set.evolution.length === 0;
    scrubber.max = String(Math.max(0, set.evolution.length - 1));
    scrubber.value = String(Math.max(0, state));
  }
  function resize(factor: number): void {
    zoom = factor;
    canvas.style.width = `${(grid.columns * (set.shape[1] + 1) + 1) * zoom}px`;
  }
  async function draw(): Promise<void> {
    const shownState = set.evolution[state];
    const last = state === set.evolution.length - 1;
    values = await unpackImages(last || shownState === undefined ? set.images : shownState.images);
    drawGrid(canvas, grid, values, set.shape, contrast);
    if (shownState !== undefined) {
      steps.textContent = `after ${shownState.step} steps`;
      scrubber.setAttribute("aria-valuetext", steps.textContent);
    }
    await tell();
  }
  function move(to: number): void {
    if ((grid.places[to] ?? -1) < 0 || to === place) return;
    place = to;
    void tell();
  }
  function onKey(event: KeyboardEvent): void {
    const moves: Record<string, number> = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: grid.columns,
      ArrowUp: -grid.columns,
    };
    const by = moves[event.key];
    if (by === undefined) return;
    event.preventDefault();
    move(place + by);
  }
  function onPoint(event: PointerEvent | MouseEvent): void {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - left) / width) * grid.columns);
    const row = Math.floor(((event.clientY - top) / height) * grid.rows);
    if (column >= 0 && column < grid.columns && row >= 0) move(row * grid.columns + column);
  }
  async function tell(): Promise<void> {
    const position = grid.places[place] ?? 0;
    if (values === undefined || position < 0) return;
    const picture = h("canvas", { role: "img", "aria-label": "The chosen image, enlarged" });
    drawImage(picture, values, position, set.shape, contrast);
    const name = set.classes[set.labels[position]!] ?? "";
    const parts: (Node | string)[] = [
      h("figure", {}, picture, h("figcaption", {}, `image ${set.shown[position]!}: `, bdi(name))),
    ];
    if (set.nearest !== undefined) {
      const near = h("canvas", { role: "img", "aria-label": "The nearest real image" });
      drawImage(near, await unpackImages(set.nearest.images), position, set.shape);
      parts.push(
        h("figure", {}, near, h("figcaption", {}, `nearest real: ${set.nearest.positions[position]!}`)),
      );
    }
    if (set.soft !== undefined) parts.push(softLabels(await unpackImages(set.soft), position, set.classes));
    detail.replaceChildren(...parts);
  }

  const controls = h(
    "div",
    { class: "controls" },
    h("label", { class: "field" }, h("span", {}, "Zoom"), zoomer),
    choice(
      "Contrast",
      [
        { value: "raw", text: "as stored" },
        { value: "auto", text: "± 2.5 deviations" },
      ],
      (value) => {
        contrast = value as Contrast;
        void draw();
      },
    ),
    evolution,
  );
  describeState();
  resize(zoom);
  whenSeen(box, () => void draw());
  return h(
    "article",
    { class: "card", "aria-label": `Set ${number}` },
    h("h3", {}, bdi(set.method), " on ", bdi(set.dataset), `, ${set.ipc} images per class`),
    summary,
    own.length > 0 && h("p", {}, "Accuracy, %: ", bdi(own.map(resultOf).join("; "))),
    controls,
    h("div", { class: "set" }, box, h("div", { "aria-live": "polite" }, detail)),
    set.nearest !== undefined &&
      h(
        "p",
        { class: "quiet" },
        `Nearest by squared distance in pixel space, within the class, among ${set.nearest.searched} training images.`,
      ),
    h(
      "details",
      {},
      h("summary", {}, "Where it comes from"),
      h(
        "dl",
        {},
        ...[
          ["file", set.path] as const,
          ["hash", set.hash] as const,
          ...Object.entries(set.provenance),
        ].flatMap(([term, text]) => [h("dt", {}, bdi(term)), h("dd", {}, bdi(text))]),
      ),
      command(set.command),
    ),
  );
}

/** Position of the state to show. */
function stateOf({ id, evolution }: ReportSet): number {
  const chosen = chosenSteps.get(id);
  const position = evolution.findIndex(({ step }) => step === chosen);
  return position < 0 ? evolution.length - 1 : position;
}

function describe(set: ReportSet): string {
  const [height, width, channels] = set.shape;
  const part = set.shown.length < set.size ? `; ${set.shown.length} of them are shown` : "";
  const formation = set.factor > 1 ? `; each holds ${set.factor} × ${set.factor} training images` : "";
  return `${set.size} images of ${height} × ${width} × ${channels}, ${set.labelKind} labels, ${bytesText(set.fileBytes)}, seed ${set.seed}, ${set.forming ? `still forming: ${set.iterations} steps so far` : `${set.iterations} iterations`}${formation}${part}.`;
}

function resultOf(record: ReportRecord): string {
  return `${record.network}, ${record.protocol}: ${accuracyText(record)}`;
}

/** The largest probabilities of an image as bars. */
function softLabels(probabilities: Float32Array, position: number, classes: readonly string[]): HTMLElement {
  const row = probabilities.subarray(position * classes.length, (position + 1) * classes.length);
  const largest = Array.from(row, (value, label) => ({ value, label }))
    .sort((a, b) => b.value - a.value)
    .slice(0, MOST_LABELS);
  return bars(largest.map(({ value, label }) => ({ name: classes[label]!, share: value })));
}

/** Shares of a whole as a list of bars. */
export function bars(shares: readonly { readonly name: string; readonly share: number }[]): HTMLElement {
  return h(
    "ul",
    { class: "bars" },
    ...shares.map(({ name, share }) => {
      const bar = h("span", { class: "bar", "aria-hidden": "true" });
      bar.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
      return h(
        "li",
        {},
        h("span", {}, bdi(name)),
        h("span", { class: "track" }, bar),
        h("span", {}, `${(share * 100).toFixed(0)} %`),
      );
    }),
  );
}
