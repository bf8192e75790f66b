import { createRunContext, readSet, sortedJson, type ImageDataset, type Network } from "@limbeck/core";
import { networkFor } from "../accuracy/evaluate-set.ts";
import { methodNamed } from "../method-named.ts";
import { recipeFor } from "../protocol/protocol.ts";
import { protocolNamed } from "../protocol/protocols.ts";
import { measuredRate } from "../perf/calibrate.ts";
import { cellId, type DistillCell, type EvaluateCell } from "./cell.ts";
import type { Catalogue } from "./cell-runner.ts";
import type { SweepPlan } from "./sweep-plan.ts";

/** What the unfinished cells of a sweep will cost on this machine, about. */
export interface SweepForecast {
  readonly cells: number;
  /** Of them, finished already. */
  readonly finished: number;
  readonly seconds: { readonly prepare: number; readonly distill: number; readonly evaluate: number };
  /** Of sets and of prepared parts. */
  readonly bytes: { readonly sets: number; readonly prepared: number };
}

/** Network whose speed stands for a method that names none and whose set is not scored. */
const USUAL_NETWORK = "convnet3";

/**
 * Time and bytes of what is not finished, from the multiply-adds that methods and networks tell and the rate that the back end in
 * force was just measured to reach. Parts that several cells share count once; those that lie in the cache count too.
 */
export async function forecastSweep(
  plan: SweepPlan,
  catalogue: Pick<Catalogue, "methods">,
  finished: ReadonlySet<string>,
): Promise<SweepForecast> {
  const rates = new Map<string, number>();
  const rateOf = async (network: Network): Promise<number> => {
    const key = `${network.name} ${network.inputShape.join("x")}`;
    const rate = rates.get(key) ?? (await measuredRate(network));
    rates.set(key, rate);
    return rate;
  };
  const seconds = { prepare: 0, distill: 0, evaluate: 0 };
  const bytes = { sets: 0, prepared: 0 };
  const parts = new Set<string>();
  let done = 0;
  let cells = 0;
  for (const { distill, evaluate } of plan.groups) {
    if (distill !== undefined) {
      cells++;
      if (finished.has(cellId(distill))) done++;
      else {
        const cost = distillCost(distill, evaluate[0]?.network, plan, catalogue, parts);
        const rate = await rateOf(cost.network);
        seconds.distill += cost.multiplyAdds / rate;
        seconds.prepare += cost.preparation / rate;
        bytes.sets += cost.setBytes;
        bytes.prepared += cost.preparedBytes;
      }
    }
    for (const cell of evaluate) {
      cells++;
      if (finished.has(cellId(cell))) done++;
      else {
        const dataset = plan.datasets.get(cell.dataset.open)!;
        const network = networkFor(cell.network, dataset);
        seconds.evaluate += evaluateMultiplyAdds(cell, distill, dataset, network) / (await rateOf(network));
      }
    }
  }
  return { cells, finished: done, seconds, bytes };
}

interface DistillCost {
  readonly network: Network;
  readonly multiplyAdds: number;
  readonly setBytes: number;
  /** Multiply-adds and bytes of parts that no earlier cell needs. */
  readonly preparation: number;
  readonly preparedBytes: number;
}

function distillCost(
  cell: DistillCell,
  scoredWith: string | undefined,
  plan: SweepPlan,
  catalogue: Pick<Catalogue, "methods">,
  seen: Set<string>,
): DistillCost {
  const dataset = plan.datasets.get(cell.dataset.open)!;
  const method = methodNamed(cell.method, catalogue.methods);
  const config: unknown = method.configSchema.parse(cell.config);
  const context = createRunContext(dataset, cell.seed);
  const { multiplyAddsPerStep, setBytes } = method.forecast(context, config);
  const name = cell.config["network"];
  const fresh = (method.prepare?.(context, config) ?? []).filter(({ identity }) => {
    const key = sortedJson({ ...identity, zca: cell.dataset.zca ?? null });
    return !seen.has(key) && seen.add(key);
  });
  return {
    network: networkFor(typeof name === "string" ? name : (scoredWith ?? USUAL_NETWORK), dataset),
    multiplyAdds: multiplyAddsPerStep * method.steps(config),
    setBytes,
    preparation: fresh.reduce((sum, part) => sum + part.multiplyAdds, 0),
    preparedBytes: fresh.reduce((sum, part) => sum + part.bytes, 0),
  };
}

/** Forward and backward passes of training are three forward passes; one more over the test split. */
function evaluateMultiplyAdds(
  cell: EvaluateCell,
  distill: DistillCell | undefined,
  dataset: ImageDataset,
  network: Network,
): number {
  const { epochs } = recipeFor(protocolNamed(cell.protocol.id), dataset);
  const images = trainedImages(cell, distill, dataset);
  return network.multiplyAdds * cell.seeds.length * (3 * epochs * images + dataset.test.size);
}

/** Images of an epoch. Sets that decode count with the factor that their configuration names. */
function trainedImages(
  { set }: EvaluateCell,
  distill: DistillCell | undefined,
  dataset: ImageDataset,
): number {
  if (set.kind === "full") return dataset.train.size;
  if (set.kind === "file") {
    const { size, factor = 1 } = readSet(set.path);
    return size * factor ** 2;
  }
  const { ipc, factor } = distill!.config;
  return dataset.classes.length * Number(ipc) * (typeof factor === "number" ? factor ** 2 : 1);
}
