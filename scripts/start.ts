/**
 * `pnpm start`: Fashion-MNIST condensed to ten images per class by DataDAM, then three fresh networks trained on them and three
 * on as many random real images, under the same protocol; a page shows it all. Started again after an interruption it goes on.
 */
import { join } from "node:path";
import { datadam } from "@limbeck/attention-matching";
import {
  benchmarkMethod,
  evaluateCached,
  formatSummary,
  protocolNamed,
  randomSubset,
  reportFailure,
  summarise,
  takeInterrupts,
  type EvaluationProgress,
} from "@limbeck/benchmarks";
import { createOutput, createProgress, type Progress } from "@limbeck/cli";
import { useBackend } from "@limbeck/core";
import { fashionMnist } from "@limbeck/datasets";
import { writeReport } from "@limbeck/report";

const IPC = 10;
const ITERATIONS = 300;

const output = createOutput({});
const interrupt = takeInterrupts(() => output.note("\nstopping; `pnpm start` goes on from here"));
let shown: { readonly title: string; readonly progress: Progress } | undefined;

function show(title: string, total: number, done: number, loss: number): void {
  if (shown?.title !== title) {
    shown?.progress.stop();
    shown = { title, progress: createProgress(output, title, total, done - 1) };
  }
  shown.progress.update({ done, loss });
}
const showEvaluation =
  (title: string) =>
  ({ epoch, epochs, loss }: EvaluationProgress): void =>
    show(title, epochs, epoch, loss);

try {
  const { backend, precision, threads } = await useBackend("auto");
  // WASM is an order of magnitude slower: a quarter of the width keeps it within minutes.
  const network = backend === "wasm" ? "convnet3-w32" : "convnet3";
  const evaluation = { protocol: protocolNamed("start-v1"), network, seeds: [0, 1, 2] };
  // Only the same back end, precision and threads go on with the same bits.
  const folder = join(
    "runs",
    "start",
    `datadam-kmeans-ipc${IPC}-${ITERATIONS}-${backend}-${precision}-${threads}`,
  );
  output.note(`back end ${backend}, ${threads} threads; everything goes to ${folder}`);
  const dataset = await fashionMnist();
  const { set, records } = await benchmarkMethod(datadam, dataset, {
    ...evaluation,
    preset: "instance",
    config: { ipc: IPC, iterations: ITERATIONS, network, initialisation: "kmeans" },
    folder,
    signal: interrupt.signal,
    onDistill(event) {
      if (event.kind === "step") show("condensing", event.steps, event.step, event.loss);
    },
    onEvaluate: (_, progress) => showEvaluation("training on the condensed set")(progress),
  });
  const baseline = await evaluateCached(randomSubset(dataset, IPC, 0), dataset, folder, 0, {
    ...evaluation,
    signal: interrupt.signal,
    onProgress: showEvaluation("training on random images"),
  });
  shown?.progress.stop();
  const line = (name: string, accuracy: readonly number[]): string =>
    `${name.padEnd(22)} ${formatSummary(summarise(accuracy))} %`;
  output.result(
    {},
    [
      "",
      `Fashion-MNIST, ${IPC} images per class (${set.size} of ${dataset.train.size}), ${network}, protocol start-v1`,
      line("condensed by DataDAM", records.at(-1)!.accuracy),
      line("random real images", baseline.record.accuracy),
      `set      ${join(folder, "set.arrow")}`,
      `picture  ${join(folder, "preview.png")}`,
      `records  ${join(folder, "records.jsonl")}`,
    ].join("\n"),
  );
  const page = join("runs", "start", "report.html");
  await writeReport([folder], page, {
    title: `Fashion-MNIST, ${IPC} images per class`,
    made: new Date().toISOString(),
    openDataset: (name) => Promise.resolve(name === dataset.name ? dataset : undefined),
  });
  output.result({}, `page     ${page}: open it in a browser, and train a network there`);
} catch (error) {
  shown?.progress.stop();
  reportFailure(error, "start");
} finally {
  interrupt.release();
}
