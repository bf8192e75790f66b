import { join } from "node:path";
import { distill, engineInfo, hashSyntheticSet, readSet, resolveConfig, setPathOf } from "@limbeck/core";
import { openDataset } from "@limbeck/datasets";
import { Command, Option } from "commander";
import { randomSubset } from "../accuracy/random-subset.ts";
import { mergeConfig, parseOverrides, type RawConfig } from "../command-line/config-overrides.ts";
import { takeInterrupts } from "../command-line/interrupt.ts";
import { collect, seedList, wholeNumber } from "../command-line/option-parsers.ts";
import { startEngine, withEngineOptions, type EngineChoice } from "../command-line/engine-options.ts";
import { methodNamed } from "../method-named.ts";
import { protocolId } from "../protocol/protocol.ts";
import { circumstances } from "../command-line/circumstances.ts";
import { protocolNamed } from "../protocol/protocols.ts";
import { appendJsonLine } from "../records/json-lines.ts";
import { formatSummary, summarise } from "../statistics/summary.ts";
import {
  architectureSearch,
  fullSearchSpace,
  searchSpaceNetworks,
  smallSearchSpace,
} from "./architecture-search.ts";
import { continualLearning } from "./continual-learning.ts";

interface ContinualFlags extends EngineChoice {
  readonly dataset: string;
  readonly method?: string;
  readonly preset?: string;
  readonly ipc: number;
  readonly iterations?: number;
  readonly set?: readonly string[];
  readonly steps: number;
  readonly orders: readonly number[];
  readonly seeds: readonly number[];
  readonly protocol: string;
  readonly network: string;
  readonly records: string;
  readonly runs: string;
}

interface SearchFlags extends EngineChoice {
  readonly dataset?: string;
  readonly space: "small" | "full";
  readonly proxy: string;
  readonly reference: string;
  readonly top: number;
  readonly seed: number;
  readonly records: string;
  readonly runs: string;
}

/** `pnpm downstream`: what condensed sets are good for besides training one network. */
export function downstreamCommand(): Command {
  const continual = new Command("continual")
    .description("class-incremental learning with a memory of condensed images")
    .requiredOption("--dataset <name>", "data set, by name or path")
    .option("--method <id>", "method that condenses the new classes; without one real images at random")
    .option("--preset <name>", "preset of the method")
    .option("--ipc <n>", "images per class in memory", wholeNumber(1), 20)
    .option("--iterations <n>", "updates of the images", wholeNumber(1))
    .option("--set <key=value>", "another configuration key; may be repeated", collect)
    .option("--steps <n>", "equal parts that the classes arrive in", wholeNumber(1), 5)
    .option("--orders <list>", "seeds of the class orders, as in 0-4", seedList, [0, 1, 2, 3, 4])
    .option("--seeds <list>", "fresh networks after each step, as in 0-2", seedList, [0, 1, 2])
    .option("--protocol <id>", "how they are trained on the memory", "dsa-v1")
    .option("--network <name>", "network of the zoo", "convnet3")
    .action(runContinual);
  const search = new Command("search")
    .description("choose a network on a condensed set, and see how well that ranks them")
    .argument("<set>", "path of a set.arrow, or a run's folder")
    .option("--dataset <name>", "name or path of the real data (default: what the set was made from)")
    .addOption(new Option("--space <name>", "networks").choices(["small", "full"]).default("small"))
    .option("--proxy <id>", "how networks are trained on the set", "dsa-e200-v1")
    .option("--reference <id>", "how the best are trained on the real images", "dc-e5-v1")
    .option("--top <n>", "networks trained on the real images too", wholeNumber(2), 10)
    .option("--seed <n>", "of all trainings and of the validation part", wholeNumber(0), 0)
    .action(runSearch);
  for (const [command, file] of [
    [continual, "continual.jsonl"],
    [search, "search.jsonl"],
  ] as const) {
    withEngineOptions(command)
      .option("--runs <folder>", "where finished work is kept", "runs")
      .option("--records <file>", "records to append to", join(import.meta.dirname, "../../records", file));
  }
  return new Command("downstream")
    .description("condensed sets in use")
    .addCommand(continual)
    .addCommand(search);
}

async function runContinual(flags: ContinualFlags): Promise<void> {
  const { ipc, iterations, steps, orders, seeds, network } = flags;
  const protocol = protocolNamed(flags.protocol);
  const method = flags.method === undefined ? undefined : methodNamed(flags.method);
  const given: RawConfig = { ipc, ...(iterations === undefined ? {} : { iterations }) };
  const config =
    method === undefined
      ? given
      : (resolveConfig(method, {
          preset: flags.preset,
          config: mergeConfig(parseOverrides(flags.set ?? []), given),
        }) as RawConfig);
  await startEngine(flags);
  const dataset = await openDataset(flags.dataset);
  const interrupt = takeInterrupts(() =>
    process.stderr.write("finishing this step; the same command goes on later\n"),
  );
  const id = method?.id ?? "random";
  const results = await continualLearning(dataset, {
    steps,
    orders,
    seeds,
    protocol,
    network,
    folder: join(flags.runs, "continual", `${dataset.name}-${id}-ipc${ipc}-steps${steps}`),
    condense: (arrived, folder) =>
      method === undefined
        ? Promise.resolve(randomSubset(arrived, ipc, 0))
        : distill(method, arrived, {
            config,
            directory: join(folder, "run"),
            resume: true,
            signal: interrupt.signal,
          }).result,
    onStep: ({ order, step, classes, accuracy }) =>
      process.stderr.write(
        `order ${order}, step ${step}: ${classes} classes, ${formatSummary(summarise(accuracy))} %\n`,
      ),
    signal: interrupt.signal,
  });
  interrupt.release();
  const rows = Array.from({ length: steps }, (_, i) => {
    const ofStep = results.filter(({ step }) => step === i + 1);
    const accuracy = ofStep.flatMap((result) => result.accuracy);
    return { step: i + 1, classes: ofStep[0]!.classes, accuracy };
  });
  appendJsonLine(flags.records, {
    experiment: "continual-learning",
    method: id,
    dataset: dataset.name,
    config,
    steps,
    orders,
    seeds,
    network,
    protocol: protocolId(protocol),
    results,
    threads: engineInfo().threads,
    ...circumstances(),
  });
  const table = rows.map(
    ({ step, classes, accuracy }) => `| ${step} | ${classes} | ${formatSummary(summarise(accuracy))} |`,
  );
  process.stdout.write(`| Step | Classes | ${id}, % |\n| --- | --- | --- |\n${table.join("\n")}\n`);
}

async function runSearch(path: string, flags: SearchFlags): Promise<void> {
  const set = readSet(setPathOf(path));
  const [proxy, reference] = [protocolNamed(flags.proxy), protocolNamed(flags.reference)];
  await startEngine(flags);
  const opened = await openDataset(flags.dataset ?? set.provenance.dataset);
  const dataset = { ...opened, normalisation: set.normalisation };
  const interrupt = takeInterrupts(() =>
    process.stderr.write("stopping; networks that are trained on the set are kept\n"),
  );
  const { top, seed } = flags;
  const result = await architectureSearch(set, dataset, {
    networks: searchSpaceNetworks(flags.space === "full" ? fullSearchSpace : smallSearchSpace),
    proxy,
    reference,
    top,
    seed,
    folder: join(flags.runs, "search", hashSyntheticSet(set).slice(0, 8)),
    onEpoch: (network, epoch, loss) =>
      process.stderr.write(`${network} on real images: epoch ${epoch}, loss ${loss.toPrecision(3)}\n`),
    signal: interrupt.signal,
  });
  interrupt.release();
  appendJsonLine(flags.records, {
    experiment: "architecture-search",
    set: hashSyntheticSet(set),
    method: set.provenance.method,
    dataset: dataset.name,
    ipc: set.provenance.ipc,
    space: flags.space,
    proxy: protocolId(proxy),
    reference: protocolId(reference),
    top,
    seed,
    ...result,
    threads: engineInfo().threads,
    ...circumstances(),
  });
  const rows = result.networks
    .slice(0, top)
    .map(
      ({ network, proxy: onSet, reference: onReal }, i) =>
        `| ${i + 1} | ${network} | ${onSet.toFixed(1)} | ${onReal!.toFixed(1)} |`,
    );
  const { chosen, correlation, seconds } = result;
  process.stdout.write(
    `| Rank | Network | On the set, % | On real images, % |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n` +
      `rank correlation of the best ${top}: ${correlation.toFixed(2)}; chosen ${chosen.network}, ${chosen.test.toFixed(1)} % on the ` +
      `test split; ${seconds.proxy.toFixed(0)} s on the set, ${seconds.reference.toFixed(0)} s on real images\n`,
  );
}
