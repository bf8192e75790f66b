import {
  encoderConfig,
  encoderKey,
  encoderParts,
  encoderSchema,
  foldIn,
  probeEncoder,
  trainEncoder,
  type EncoderConfig,
} from "@limbeck/core";
import type { Command } from "commander";
import { registerTraining } from "./register-training.ts";

/** `limbeck train-encoder <dataset> --out …`: an image encoder that learns without labels, for `relabel --form hello`. */
export function registerTrainEncoder(program: Command): void {
  registerTraining<EncoderConfig>(program, {
    name: "train-encoder",
    description: "train an image encoder without labels (SimCLR), for relabel --form hello",
    defaults: encoderSchema.parse({}),
    views: 2,
    smallestBatch: 2,
    otherKeys: "temperature=0.2 or views.colourStrength=1",
    file: "encoder.safetensors",
    config: encoderConfig,
    parts: (context, config) => encoderParts(context, "encoder", config),
    train: trainEncoder,
    async report(model, dataset, config, path) {
      const { network } = model;
      const { validationShare } = config;
      const trained = await probeEncoder({ ...model, dataset, validationShare });
      // Beside the same network before its training.
      const theta = network.init(foldIn(encoderKey(config), "init"));
      const untrained = await probeEncoder({ network, theta, dataset, validationShare });
      theta.dispose();
      const percent = (value: number): string => `${value.toFixed(1)} %`;
      return {
        json: {
          neighbours: { trained: trained.percent, untrained: untrained.percent, images: trained.total },
        },
        text:
          `nearest neighbours: ${percent(trained.percent)} of ${trained.total} held-out training images get their class, ` +
          `${percent(untrained.percent)} before the training\n` +
          `next: limbeck relabel SET --form hello --teacher FILE --encoder ${path}`,
      };
    },
  });
}
