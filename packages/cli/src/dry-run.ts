import { measuredRate } from "@limbeck/benchmarks";
import {
  createNetwork,
  engineInfo,
  forecastRun,
  type ConfigChoice,
  type DistillationMethod,
  type ImageDataset,
  type RunForecast,
} from "@limbeck/core";
import { formatBytes, formatSeconds, threeDigits } from "./units.ts";

/** A forecast with a time, from what the back end in force was just measured to reach. */
export interface TimedForecast extends RunForecast {
  readonly method: string;
  readonly dataset: string;
  readonly backend: string;
  readonly precision: string;
  readonly threads: number;
  /** Measured on the matching network, floating-point operations a second / 10⁹ (a multiply-add counts as two). */
  readonly gigaflops: number;
  readonly secondsPerStep: number;
  readonly seconds: number;
}

/** Network whose speed stands for a method that names none in its configuration. */
const USUAL_NETWORK = "convnet3";

/** Time, memory and bytes of a run that is not started; nothing is written. */
export async function makeForecast(
  method: DistillationMethod,
  dataset: ImageDataset,
  choice: ConfigChoice<unknown>,
): Promise<TimedForecast> {
  const forecast = forecastRun(method, dataset, choice);
  const name = forecast.config["network"];
  const network = createNetwork(typeof name === "string" ? name : USUAL_NETWORK, {
    inputShape: dataset.shape,
    classes: dataset.classes.length,
  });
  const rate = await measuredRate(network);
  const secondsPerStep = forecast.multiplyAddsPerStep / rate;
  const { backend, precision, threads } = engineInfo();
  return {
    method: method.id,
    dataset: dataset.name,
    backend,
    precision,
    threads,
    gigaflops: (2 * rate) / 1e9,
    secondsPerStep,
    seconds: secondsPerStep * forecast.steps,
    ...forecast,
  };
}

/** The forecast for people. */
export function forecastText(forecast: TimedForecast): string {
  const { method, dataset, steps, gigaflops, backend, secondsPerStep, seconds, peakBytes, setBytes, config } =
    forecast;
  const { preparation } = forecast;
  return [
    `${method} on ${dataset}: ${steps} steps`,
    `time    about ${formatSeconds(seconds)}, ${formatSeconds(secondsPerStep)} a step (${backend} reaches ${threeDigits(gigaflops)} GFLOP/s here)`,
    ...(preparation === undefined
      ? []
      : [
          `before  about ${formatSeconds((2 * preparation.multiplyAdds) / (gigaflops * 1e9))} for ${preparation.parts} parts of ` +
            `${formatBytes(preparation.bytes)}, made once and kept for other runs`,
        ]),
    `memory  about ${formatBytes(peakBytes)} of tensors`,
    `set     ${formatBytes(setBytes)}`,
    `config  ${JSON.stringify(config)}`,
  ].join("\n");
}
