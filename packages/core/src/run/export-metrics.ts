import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileBeside } from "../artifact/durable-file.ts";
import { tensorboardFile, type TensorboardImage } from "../artifact/tensorboard.ts";
import { DataError } from "../errors.ts";
import { metricLines, runMetrics, type RunMetric } from "./run-metrics.ts";
import { readRun } from "./run-folder.ts";

/**
 * Writes the metrics of a run as JSON lines: `run`, `step`, `split`, `metric`, `value`, `seed`, `wall`, `elapsed`.
 *
 * @param folder Run folder; the run may be at work.
 * @param further Metrics that the run itself does not know, such as the accuracy of its set.
 * @throws {DataError} if it is no run folder.
 */
export function exportMetrics(folder: string, path: string, further: readonly RunMetric[] = []): void {
  writeFileBeside(path, metricLines([...runMetrics(readRun(folder)), ...further]));
}

/**
 * Writes a run for TensorBoard, `OUT/events.out.tfevents.SECONDS.limbeck`: each metric as a scalar, `preview.png` as an image at the
 * last step.
 *
 * @param folder Run folder; the run may be at work.
 * @param further Metrics that the run itself does not know.
 * @returns Path of the file. The same run gives the same name.
 * @throws {DataError} if it is no run folder, or nothing has happened in it.
 */
export function exportTensorboard(folder: string, out: string, further: readonly RunMetric[] = []): string {
  const run = readRun(folder);
  const metrics = [...runMetrics(run), ...further];
  const [first] = metrics;
  if (first === undefined) throw new DataError(`${folder}: wanted a run with steps, it has none yet`);
  const scalars = metrics.map(({ metric, ...rest }) => ({ tag: metric, ...rest }));
  const last = metrics.reduce((latest, metric) => (metric.step > latest.step ? metric : latest));
  const images: TensorboardImage[] = existsSync(run.paths.preview)
    ? [{ tag: "set", step: last.step, wall: last.wall, ...pictureOf(run.paths.preview) }]
    : [];
  const path = join(out, `events.out.tfevents.${Math.floor(first.wall)}.limbeck`);
  writeFileBeside(path, tensorboardFile(scalars, images));
  return path;
}

/** A PNG and the size that its header states. */
function pictureOf(path: string): Pick<TensorboardImage, "png" | "width" | "height"> {
  const png = readFileSync(path);
  return { png, width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}
