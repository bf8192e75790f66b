import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { hashSyntheticSet } from "../synthetic/hash-set.ts";
import { classFolderNames } from "./class-folder-names.ts";
import { setBytes } from "./set-bytes.ts";

/** Accuracy of fresh models trained on the set, as a record has it. */
export interface CardResult {
  readonly protocol: string;
  readonly network: string;
  /** Percent on the real test split. */
  readonly mean: number;
  readonly std: number;
  readonly seeds: number;
}

/** What the set itself does not know. */
export interface CardOptions {
  /** Licence of the source data, an identifier such as `mit`, or `other`. */
  readonly licence?: string;
  /** How to cite the source data. */
  readonly sourceCitation?: string;
  readonly results?: readonly CardResult[];
  /** Wall seconds of distillation. */
  readonly seconds?: number;
}

/** How the set was exported: decides the file lists of the card. */
export interface CardLayout {
  readonly layout?: "parquet" | "image-folder";
  /** Bytes of the exported pictures or Parquet file; default: of the PNGs. */
  readonly bytes?: number;
}

/**
 * The data card, `README.md`: front matter that data hubs read, then what a user of the set must know.
 *
 * @see huggingface/hub-docs, datasetcard.md.
 */
export async function dataCard(set: SyntheticSet, options: CardOptions & CardLayout = {}): Promise<string> {
  const storage = await setBytes(set);
  const bytes = options.bytes ?? storage.encodedPng;
  const { provenance, size, shape, classes } = set;
  const [height, width, channels] = shape;
  return `${frontMatter(set, options, bytes)}
# ${title(set)}

${size} synthetic images of ${height}×${width}×${channels} in ${classes.length} classes, condensed from ${provenance.dataset} by
${provenance.method}. A model trained on them alone is meant to come near one trained on the whole source set. They
are optimised pixels, not photographs.

## Method

${provenance.method}, ${provenance.ipc} images per class, ${provenance.iterations} iterations, seed ${provenance.seed}.

\`\`\`bibtex
${provenance.cite.trim()}
\`\`\`

## Source

- Data set: ${provenance.dataset}, SHA-256 \`${provenance.datasetSha256}\`
- Citation: ${options.sourceCitation ?? "see the source data set"}
- Licence of the source data: ${options.licence ?? "see the source data set"}
- Content hash of this set: \`${hashSyntheticSet(set)}\`

## Classes

${classTable(set, options.layout)}

## Normalisation to apply

${normalisationText(set)}

## Training recipe

- Augmentation: \`${set.augmentation}\`${decoding(set)}
- Labels: ${labelsText(set)}
- Step size: ${set.stepSize === undefined ? "none learned; the evaluation protocol decides" : String(set.stepSize)}

## Results

${resultsTable(options.results ?? [])}

## Storage

| Part | Bytes |
| - | - |
| images, float32 | ${storage.images} |
| labels | ${storage.labels} |
| total | ${storage.total} |
| images as 8-bit PNG | ${storage.encodedPng} |

## Cost

${options.seconds === undefined ? "Not recorded." : `${Math.round(options.seconds)} seconds of distillation`}
${options.seconds === undefined ? "" : `on ${provenance.machine}, back end ${provenance.backend}, precision ${provenance.precision}.\n`}
## Known limits

- 8-bit pictures are rounded and clipped; the exact floats are in \`set.safetensors\` or \`set.arrow\`.
- The set was made for the network and augmentation of its configuration; others may gain less from it.
- Biases of the source data may be kept or made stronger.

## Reproduction

Save this as \`config.json\`, then run \`npx limbeck distill --config config.json\` at commit \`${provenance.commit}\`:

\`\`\`json
${JSON.stringify(recipe(set), null, 2)}
\`\`\`
`;
}

/** The command line's configuration file for this very run. */
function recipe({ provenance }: SyntheticSet): Record<string, unknown> {
  const { method, dataset, seed, backend, precision, config } = provenance;
  return { method, dataset, seed, backend, precision, config };
}

function title({ provenance }: SyntheticSet): string {
  return `${provenance.dataset} condensed by ${provenance.method}, ${provenance.ipc} images per class`;
}

function labelsText({ labels, classes }: SyntheticSet): string {
  switch (labels.kind) {
    case "hard":
      return "one class per image";
    case "soft":
      return `soft (${labels.space}), ${classes.length} per image`;
    case "views":
      return "one class per image here; set.arrow also holds a teacher's scores of its augmented views";
    case "projector":
      return "one class per image here; set.arrow also holds a small model that scores its augmented views";
  }
}

/** YAML; texts are written as JSON strings, which YAML reads as they are. */
function frontMatter(set: SyntheticSet, options: CardOptions & CardLayout, bytes: number): string {
  const { provenance, size, classes, labels } = set;
  const path = options.layout === "image-folder" ? "train/**" : "data/train-*.parquet";
  const soft = labels.kind === "soft" ? `\n    - name: soft_label\n      sequence: float32` : "";
  const names = classes.map((name, i) => `\n            '${i}': ${JSON.stringify(name)}`).join("");
  return `---
license: ${JSON.stringify(options.licence ?? "unknown")}
pretty_name: ${JSON.stringify(title(set))}
tags:
  - dataset-distillation
  - dataset-condensation
task_categories:
  - image-classification
size_categories:
  - ${sizeCategory(size)}
source_datasets:
  - ${JSON.stringify(`extended|${provenance.dataset}`)}
annotations_creators:
  - machine-generated
configs:
  - config_name: default
    data_files:
      - split: train
        path: ${JSON.stringify(path)}
dataset_info:
  features:
    - name: image
      dtype: image
    - name: label
      dtype:
        class_label:
          names:${names}${soft}
  splits:
    - name: train
      num_bytes: ${bytes}
      num_examples: ${size}
  download_size: ${bytes}
  dataset_size: ${bytes}
---`;
}

function sizeCategory(size: number): string {
  if (size < 1e3) return "n<1K";
  if (size < 1e4) return "1K<n<10K";
  if (size < 1e5) return "10K<n<100K";
  return size < 1e6 ? "100K<n<1M" : "1M<n<10M";
}

function classTable({ classes }: SyntheticSet, layout: CardLayout["layout"]): string {
  const folders = layout === "image-folder" ? classFolderNames(classes) : undefined;
  const cell = (text: string) => text.replace(/\s+/g, " ").replace(/[\\|]/g, "\\$&");
  const head =
    folders === undefined ? "| Label | Class |\n| - | - |" : "| Label | Class | Folder |\n| - | - | - |";
  const rows = classes.map((name, label) => {
    const folder = folders === undefined ? "" : ` ${cell(folders[label]!)} |`;
    return `| ${label} | ${cell(name)} |${folder}`;
  });
  return [head, ...rows].join("\n");
}

/** How images that hold several decode, as further lines of the recipe. */
function decoding({ factor, shape, size }: SyntheticSet): string {
  if (factor === undefined) return "";
  const [height, width] = shape;
  const [tall, wide] = [Math.ceil(height / factor), Math.ceil(width / factor)];
  const border =
    tall * factor === height && wide * factor === width
      ? ""
      : ` (first extended by grey, right and below, to ${tall * factor}×${wide * factor})`;
  return `
- Decoding: each stored image holds ${factor}×${factor} training images of its class. Cut it into patches of ${tall}×${wide}${border} and enlarge each to
  ${height}×${width}, bilinearly, corners not aligned: ${size * factor * factor} training images in all. As they are, the stored images train badly.`;
}

function normalisationText({ normalisation }: SyntheticSet): string {
  if (normalisation.kind === "zca") {
    return "ZCA whitening of pixels scaled to [0, 1]: `(x − zca_mean) · zca_whiten`; the arrays are in `set.safetensors`.";
  }
  return `\`(pixel / 255 − mean) / std\` per channel, mean \`${JSON.stringify(normalisation.mean)}\`, std \`${JSON.stringify(normalisation.std)}\`.`;
}

function resultsTable(results: readonly CardResult[]): string {
  if (results.length === 0) return "Not evaluated yet.";
  const rows = results.map(
    ({ protocol, network, mean, std, seeds }) =>
      `| ${protocol} | ${network} | ${mean.toFixed(1)} ± ${std.toFixed(1)} | ${seeds} |`,
  );
  return ["| Protocol | Network | Accuracy, % | Seeds |", "| - | - | - | - |", ...rows].join("\n");
}
