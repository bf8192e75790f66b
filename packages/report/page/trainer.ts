import { trainingChart } from "../src/charts.ts";
import type { ReportData, ReportSet, Training } from "../src/model.ts";
import { chartFigure } from "./chart-figure.ts";
import { bdi, choice, h, section } from "./dom.ts";
import { accuracyText, percent, secondsText } from "./format.ts";
import { sketchPad } from "./sketch-pad.ts";
import type { Answer, BackendChoice, Request, TrainingSet } from "./training-messages.ts";
import { unpack, unpackImages } from "./unpack.ts";

const CONDENSED = "condensed set";
const RANDOM = "random real images";

/** Trains a fresh network on a condensed set here, in the reader's browser, beside one on as many random real images. */
export function trainerSection(data: ReportData): HTMLElement | undefined {
  const { sets } = data;
  if (sets.length === 0) return undefined;
  const initial = Math.max(
    0,
    sets.findIndex(({ training }) => training !== undefined),
  );
  let set = sets[initial]!;
  let network = "";
  let workers: Worker[] = [];
  let backend: BackendChoice = "auto";

  const epochs = h("input", { type: "number", min: 1, max: 10_000, value: 1 });
  const start = h("button", { type: "button", class: "primary", onclick: () => void run() }, "Train here");
  const stop = h("button", { type: "button", onclick: () => end("Stopped.") }, "Stop");
  stop.disabled = true;
  const status = h("p", { role: "status" }, "Nothing is trained yet.");
  const computed = h("p", { class: "quiet" });
  const results = h("ul", { class: "results" });
  const figure = chartFigure("Accuracy on real test images while the networks train.");
  figure.element.hidden = true;
  const pad = sketchPad();
  const networks = h("select", {
    onchange: () => {
      network = networks.value;
    },
  });
  const reason = h("p", { id: "train-reason" });
  const fill = (): void => {
    const { training, untrainable = "" } = set;
    networks.replaceChildren(...(training?.networks ?? []).map((name) => h("option", { value: name }, name)));
    network = networks.value;
    if (training !== undefined) epochs.value = String(training.recipe["epochs"]);
    for (const control of [start, networks, epochs]) control.disabled = training === undefined;
    reason.hidden = training !== undefined;
    reason.replaceChildren("The page does not train on this set. ", bdi(untrainable));
    if (training === undefined) start.setAttribute("aria-describedby", reason.id);
    else start.removeAttribute("aria-describedby");
  };
  fill();

  function end(message: string): void {
    for (const worker of workers) worker.terminate();
    workers = [];
    finish(message);
    pad.element.hidden = true;
  }
  function finish(message: string): void {
    status.textContent = message;
    start.disabled = false;
    stop.disabled = true;
    delete host.dataset["training"];
  }

  async function run(): Promise<void> {
    const { training } = set;
    if (training === undefined) return;
    end("Starting …");
    start.disabled = true;
    stop.disabled = false;
    host.dataset["training"] = "yes";
    results.replaceChildren();
    computed.textContent = "";
    const wanted = Math.max(1, Math.round(Number(epochs.value) || 1));
    let points: { name: string; epoch: number; accuracy: number }[] = [];
    const states = new Map([CONDENSED, RANDOM].map((name) => [name, "starting"]));
    const backends = new Map<string, string>();
    const losses = new Map<string, number>();
    let finished = 0;
    const draw = (): void => {
      figure.element.hidden = false;
      figure.update(
        (place) => trainingChart(points, [CONDENSED, RANDOM], wanted, place),
        [CONDENSED, RANDOM],
      );
      status.textContent = [...states].map(([name, state]) => `${name}: ${state}`).join(" · ");
    };
    try {
      const test = data.testImages[training.test]!;
      const testPixels = await unpack(test.images);
      const testInput = await testImages(training, testPixels, data);
      const script = await unpack(inert("report-worker"));
      const wasm = await unpack(inert("report-wasm"));
      const url = URL.createObjectURL(
        new Blob([script as Uint8Array<ArrayBuffer>], { type: "text/javascript" }),
      );
      const common = {
        kind: "train" as const,
        wasm,
        backend,
        network,
        shape: set.shape,
        classes: set.classes,
        input: training.input.kind === "mean-std" ? training.input : { kind: "whitened" as const },
        recipe: withEpochs(training.recipe, wanted),
        seed: 0,
        test: { images: testInput, labels: test.labels },
      };
      const own: [string, TrainingSet][] = [
        [CONDENSED, await condensed(set, training)],
        [RANDOM, await randomImages(training)],
      ];
      draw();
      workers = own.map(([name, trainingSet]) => {
        const worker = new Worker(url);
        worker.onerror = ({ message }) => end(`Training failed: ${message || "the worker could not start"}`);
        worker.onmessage = ({ data: answer }: MessageEvent<Answer>) => {
          if (answer.kind === "failed") return end(`Training failed: ${answer.message}`);
          if (answer.kind === "answer") return pad.answer(answer.probabilities, set.classes);
          if (answer.kind === "ready") {
            // It may have begun anew.
            points = points.filter((point) => point.name !== name);
            states.set(name, `running on ${answer.backend}`);
            backends.set(name, answer.backend);
            computed.textContent = backendText(answer.backend, answer.passedOver);
          }
          if (answer.kind === "epoch") {
            states.set(
              name,
              `epoch ${answer.epoch} of ${answer.epochs}, loss ${answer.loss.toPrecision(3)}, ${secondsText(answer.seconds)}`,
            );
            losses.set(name, answer.loss);
            if (answer.epoch % 5 !== 0) return;
          }
          if (answer.kind === "checked") {
            points.push({ name, epoch: answer.epoch, accuracy: answer.accuracy });
          }
          if (answer.kind === "done") {
            points.push({ name, epoch: wanted, accuracy: answer.accuracy });
            states.set(name, `${percent(answer.accuracy)} % in ${secondsText(answer.seconds)}`);
            const item = h(
              "li",
              {
                "data-name": name,
                "data-accuracy": answer.accuracy,
                "data-seconds": answer.seconds,
                "data-loss": losses.get(name),
              },
              h("strong", {}, `${percent(answer.accuracy)} %`),
              ` ${name}: ${network} after ${wanted} epochs in ${secondsText(answer.seconds)} on ${backends.get(name)}, tested on ${answer.tested} of ${test.of} test images`,
            );
            if (name === CONDENSED) results.prepend(item);
            else results.append(item);
            finished += 1;
            if (name === CONDENSED)
              offerPad(worker, training, { pixels: testPixels, input: testInput }, test.labels);
          }
          draw();
          if (finished === own.length) finish(status.textContent);
        };
        worker.postMessage({ ...common, set: trainingSet } satisfies Request);
        return worker;
      });
    } catch (error) {
      end(`Training failed: ${(error as Error).message}`);
    }
  }

  function offerPad(
    worker: Worker,
    { input }: Training,
    test: { readonly pixels: Uint8Array; readonly input: Float32Array },
    labels: readonly number[],
  ): void {
    const length = set.shape[0] * set.shape[1] * set.shape[2];
    const ask = (image: Float32Array): void => worker.postMessage({ kind: "ask", image } satisfies Request);
    pad.open({
      shape: set.shape,
      classes: set.classes,
      test: { pixels: test.pixels, labels },
      askTest: (position) => ask(test.input.slice(position * length, (position + 1) * length)),
      ...(input.kind === "whitened" ? {} : { askPixels: (pixels) => ask(standardised(pixels, 255, input)) }),
    });
  }

  const host = section(
    "train",
    "Train it yourself",
    h(
      "p",
      {},
      "Everything needed is in this page. A fresh network is trained on the condensed set by your own machine, in this browser, and beside it one on as many random real images; both are tested on real test images that they never saw.",
    ),
    h(
      "div",
      { class: "controls" },
      choice(
        "Set",
        sets.map(({ method, dataset, ipc }, i) => ({
          value: String(i),
          text: `${i + 1}: ${method}, ${dataset}, IPC ${ipc}`,
        })),
        (value) => {
          set = sets[Number(value)]!;
          if (workers.length > 0) end("Stopped: another set was chosen.");
          fill();
          known.replaceChildren(...evaluations(set, data));
        },
      ),
      h("label", { class: "field" }, h("span", {}, "Network"), networks),
      h("label", { class: "field" }, h("span", {}, "Epochs"), epochs),
      choice(
        "Compute by",
        [
          { value: "auto", text: "the fastest there is" },
          { value: "webgpu", text: "WebGPU" },
          { value: "webgl", text: "WebGL" },
          { value: "wasm", text: "WebAssembly" },
        ],
        (value) => (backend = value as BackendChoice),
      ),
      start,
      stop,
    ),
    reason,
    status,
    computed,
    results,
    figure.element,
    pad.element,
  );
  const known = h("div", {}, ...evaluations(set, data));
  host.append(known);
  return host;
}

/** What the harness measured on the same set, on all test images. */
function evaluations(set: ReportSet, { records }: ReportData): HTMLElement[] {
  const own = records.filter((record) => record.set === set.hash);
  if (own.length === 0) return [];
  return [
    h(
      "p",
      { class: "quiet" },
      "Measured on the whole test split: ",
      bdi(own.map((record) => `${record.network}, ${record.protocol}: ${accuracyText(record)} %`).join("; ")),
      ".",
    ),
  ];
}

/** Which back end computes, and why no faster one does. */
function backendText(backend: string, passedOver: readonly string[]): string {
  const others = passedOver.length === 0 ? "" : ` Passed over: ${passedOver.join("; ")}.`;
  return `Computed by ${backend}.${others}`;
}

/** The recipe with another number of epochs, its drops in proportion. */
function withEpochs(recipe: Training["recipe"], epochs: number): Training["recipe"] {
  const schedule = recipe["schedule"] as { kind: string; at?: readonly number[] };
  if (schedule.kind !== "steps") return { ...recipe, epochs };
  const share = epochs / Number(recipe["epochs"]);
  const at = schedule.at!.map((epoch) => Math.max(1, Math.round(epoch * share)));
  return { ...recipe, epochs, schedule: { ...schedule, at } };
}

type MeanStd = Extract<Training["input"], { kind: "mean-std" }>;

/** Network input from pixels of which `white` is white. */
function standardised(pixels: ArrayLike<number>, white: number, { mean, std }: MeanStd): Float32Array {
  const channels = mean.length;
  return Float32Array.from(pixels, (value, i) => (value / white - mean[i % channels]!) / std[i % channels]!);
}

async function testImages(
  { input, whitenedTest }: Training,
  pixels: Uint8Array,
  { whitenedTests }: ReportData,
): Promise<Float32Array> {
  return input.kind === "mean-std"
    ? standardised(pixels, 255, input)
    : unpackImages(whitenedTests[whitenedTest!]!);
}

async function condensed(set: ReportSet, { input, scores }: Training): Promise<TrainingSet> {
  const images =
    input.kind === "mean-std"
      ? standardised(await unpackImages(set.images), 1, input)
      : await unpackImages(input.images);
  const labels =
    set.soft === undefined
      ? { kind: "hard" as const, values: Int32Array.from(set.labels) }
      : { kind: "soft" as const, values: await unpackImages(set.soft), space: "probabilities" as const };
  return {
    images,
    size: set.shown.length,
    labels,
    factor: set.factor,
    ...(scores === undefined ? {} : { scores: new Float32Array((await unpack(scores)).buffer) }),
  };
}

async function randomImages({ random, input }: Training): Promise<TrainingSet> {
  const stored = await unpackImages(random.images);
  return {
    images: input.kind === "mean-std" ? standardised(stored, 1, input) : stored,
    size: random.labels.length,
    labels: { kind: "hard", values: Int32Array.from(random.labels) },
    factor: 1,
  };
}

function inert(id: string): string {
  return JSON.parse(document.getElementById(id)!.textContent) as string;
}
