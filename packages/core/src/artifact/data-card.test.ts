import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { toySet } from "../testing/toy-set.ts";
import { dataCard } from "./data-card.ts";

beforeAll(() => useBackend("cpu"));

describe("dataCard", () => {
  it("says how images that hold several decode", async () => {
    const card = await dataCard(toySet({ factor: 2, shape: [7, 8, 1] }));
    expect(card).toContain(
      "- Decoding: each stored image holds 2×2 training images of its class. Cut it into patches of 4×4 (first extended by grey, " +
        "right and below, to 8×8) and enlarge each to\n  7×8, bilinearly, corners not aligned: 24 training images in all.",
    );
    expect(await dataCard(toySet())).not.toContain("Decoding");
  });

  it("says what a user of the set must know", async () => {
    const set = toySet({ classes: ["cat", 'say "dog"|\nnow'], stepSize: 0.02 });
    const card = await dataCard(set, {
      licence: "mit",
      sourceCitation: "Somebody, 2020",
      results: [{ protocol: "dsa-v1", network: "convnet3", mean: 51.26, std: 0.449, seeds: 5 }],
      seconds: 61.4,
    });
    // Lengths of PNG files depend on the version of sharp.
    expect(card.replaceAll(/(8-bit PNG \||num_bytes:|_size:) \d+/g, "$1 …")).toMatchInlineSnapshot(`
      "---
      license: "mit"
      pretty_name: "toy condensed by toy, 2 images per class"
      tags:
        - dataset-distillation
        - dataset-condensation
      task_categories:
        - image-classification
      size_categories:
        - n<1K
      source_datasets:
        - "extended|toy"
      annotations_creators:
        - machine-generated
      configs:
        - config_name: default
          data_files:
            - split: train
              path: "data/train-*.parquet"
      dataset_info:
        features:
          - name: image
            dtype: image
          - name: label
            dtype:
              class_label:
                names:
                  '0': "cat"
                  '1': "say \\"dog\\"|\\nnow"
        splits:
          - name: train
            num_bytes: …
            num_examples: 4
        download_size: …
        dataset_size: …
      ---
      # toy condensed by toy, 2 images per class

      4 synthetic images of 4×5×3 in 2 classes, condensed from toy by
      toy. A model trained on them alone is meant to come near one trained on the whole source set. They
      are optimised pixels, not photographs.

      ## Method

      toy, 2 images per class, 20 iterations, seed 0.

      \`\`\`bibtex
      @misc{toy, title = {Toy}}
      \`\`\`

      ## Source

      - Data set: toy, SHA-256 \`0000000000000000000000000000000000000000000000000000000000000000\`
      - Citation: Somebody, 2020
      - Licence of the source data: mit
      - Content hash of this set: \`1e336ee9b4606fd161f454abc87fd3f4b7bc641877dddb4a149208cc0d35ffd4\`

      ## Classes

      | Label | Class |
      | - | - |
      | 0 | cat |
      | 1 | say "dog"\\| now |

      ## Normalisation to apply

      \`(pixel / 255 − mean) / std\` per channel, mean \`[0.5,0.5,0.5]\`, std \`[0.25,0.25,0.25]\`.

      ## Training recipe

      - Augmentation: \`color_crop_flip\`
      - Labels: one class per image
      - Step size: 0.02

      ## Results

      | Protocol | Network | Accuracy, % | Seeds |
      | - | - | - | - |
      | dsa-v1 | convnet3 | 51.3 ± 0.4 | 5 |

      ## Storage

      | Part | Bytes |
      | - | - |
      | images, float32 | 960 |
      | labels | 4 |
      | total | 964 |
      | images as 8-bit PNG | … |

      ## Cost

      61 seconds of distillation
      on any, back end cpu, precision highest.

      ## Known limits

      - 8-bit pictures are rounded and clipped; the exact floats are in \`set.safetensors\` or \`set.arrow\`.
      - The set was made for the network and augmentation of its configuration; others may gain less from it.
      - Biases of the source data may be kept or made stronger.

      ## Reproduction

      Save this as \`config.json\`, then run \`npx limbeck distill --config config.json\` at commit \`unknown\`:

      \`\`\`json
      {
        "method": "toy",
        "dataset": "toy",
        "seed": 0,
        "backend": "cpu",
        "precision": "highest",
        "config": {
          "ipc": 2,
          "iterations": 20,
          "learningRate": 0.1
        }
      }
      \`\`\`
      "
    `);
  });

  it("lists the folders of an image folder, and soft labels", async () => {
    const set = toySet({ labels: "soft", normalisation: "zca", classes: ["a/b", "c"] });
    const card = await dataCard(set, { layout: "image-folder", bytes: 10 });
    expect(card).toContain('path: "train/**"');
    expect(card).toContain("    - name: soft_label\n      sequence: float32\n");
    expect(card).toContain("| 0 | a/b | a_b |");
    expect(card).toContain("ZCA whitening");
    expect(card).toContain("Not evaluated yet.");
    expect(card).not.toMatch(/undefined|NaN|\n\n\n/);
  });
});
