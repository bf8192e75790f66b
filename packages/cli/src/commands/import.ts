import { ConfigError, hashSyntheticSet, whitenedDataset, writeSet, type ImageDataset } from "@limbeck/core";
import { IMPORT_FORMATS, importSet, type ImportOptions, type StatedNormalisation } from "@limbeck/datasets";
import { wholeNumber, withEngineOptions } from "@limbeck/benchmarks";
import { Option, type Command } from "commander";
import { z } from "zod";
import { startEngineAloud, withOutputOptions, type CommonFlags } from "../common-options.ts";
import { openForCommand } from "../open-for-command.ts";
import { createOutput } from "../output.ts";
import { formatBytes } from "../units.ts";

interface ImportFlags extends CommonFlags {
  readonly dataset: string;
  readonly out: string;
  readonly format?: ImportOptions["format"];
  readonly layout?: ImportOptions["layout"];
  readonly normalisation?: string;
  readonly labelSpace?: ImportOptions["labelSpace"];
  readonly part?: number;
  readonly factor?: number;
  readonly augmentation?: string;
  readonly method?: string;
}

/** Words of `--normalisation` that stand for themselves. */
const SPACES: readonly string[] = ["dataset", "unit", "pixels", "none"];

/** `limbeck import PATH --dataset NAME -o set.arrow`: others' condensed sets, to be scored here. */
export function registerImport(program: Command): void {
  const command = program
    .command("import")
    .description("turn a condensed set of another suite into a set.arrow; nothing in the file is executed")
    .argument("<path>", "safetensors, NPZ, Parquet or PyTorch file, or a folder of them or of pictures")
    .requiredOption("--dataset <name>", "name or path of the real data that it was condensed from")
    .requiredOption("-o, --out <path>", "set to write")
    .addOption(new Option("--format <name>", "default: told from the path").choices(IMPORT_FORMATS))
    .addOption(
      new Option("--layout <axes>", "default: the one that fits the data set's shape").choices([
        "nchw",
        "nhwc",
      ]),
    )
    .option(
      "--normalisation <space>",
      "of floats: dataset (normalised as the data set is), unit (0 to 1, to be normalised), pixels (0 to 255, the same), none " +
        "(0 to 1, trained on as they are), zca, zca=standardised, or JSON {mean, std}",
    )
    .addOption(
      new Option("--label-space <kind>", "of soft labels that are no distributions").choices([
        "probabilities",
        "logits",
      ]),
    )
    .option("--part <n>", "which experiment of a PyTorch file with several", wholeNumber(0))
    .option("--factor <n>", "each stored image holds n × n training images", wholeNumber(2))
    .option("--augmentation <strategy>", "that students are to train with (default: every group)")
    .option("--method <name>", "name of the method, for records (default: imported)");
  withOutputOptions(withEngineOptions(command)).action(runImport);
}

async function runImport(path: string, { dataset: name, out, ...flags }: ImportFlags): Promise<void> {
  const output = createOutput(flags);
  await startEngineAloud(flags, output);
  const dataset = await openForCommand(name, output);
  const { format, layout, labelSpace, part, factor, augmentation, method } = flags;
  const normalisation = await statedNormalisation(flags.normalisation, dataset);
  const set = await importSet(path, dataset, {
    format,
    layout,
    labelSpace,
    part,
    factor,
    augmentation,
    method,
    normalisation,
  });
  await writeSet(out, set);
  const { size, shape, labels } = set;
  output.result(
    { set: out, hash: hashSyntheticSet(set), size, shape, labels: labels.kind, dataset: dataset.name },
    `${out}\n${size} images of ${shape.join("×")} with ${labels.kind} labels (${formatBytes(set.images.byteLength)})\n` +
      `next: limbeck evaluate ${out}`,
  );
}

/** @throws {ConfigError} if the text is none of the known words and no constants. */
async function statedNormalisation(
  text: string | undefined,
  dataset: ImageDataset,
): Promise<StatedNormalisation | undefined> {
  if (text === undefined || SPACES.includes(text)) return text as StatedNormalisation | undefined;
  if (text === "zca") return (await whitenedDataset(dataset, "pixels")).normalisation;
  if (text === "zca=standardised") return (await whitenedDataset(dataset, "standardised")).normalisation;
  try {
    return { kind: "mean-std", ...constantsSchema.parse(JSON.parse(text)) };
  } catch (cause) {
    throw new ConfigError(
      `--normalisation: wanted ${SPACES.join(", ")}, zca, zca=standardised or {"mean": [...], "std": [...]}, ` +
        `got ${JSON.stringify(text)}`,
      { cause },
    );
  }
}

const constantsSchema = z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) });
