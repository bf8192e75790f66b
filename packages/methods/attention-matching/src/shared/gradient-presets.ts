import type { Preset } from "@limbeck/core";
import { loopSchedule } from "./loop-schedule.ts";

/** Networks that a published run goes through. */
const NETWORKS = 1000;

/** Data sets that the papers of DC and DSA report, with the numbers of images per class. */
const REPORTED = {
  mnist: [1, 10, 50],
  "fashion-mnist": [1, 10, 50],
  svhn: [1, 10, 50],
  cifar10: [1, 10, 50],
  cifar100: [1, 10],
};

interface PublishedConfig {
  readonly ipc: number;
  readonly iterations: number;
}

/** The published length of a run: 1000 networks, each used for `outer` updates. */
export function publishedRun(ipc: number): PublishedConfig {
  return { ipc, iterations: NETWORKS * loopSchedule(ipc).outer };
}

/** Small runs of any data set. */
export const smallPresets = {
  laptop: {
    status: "sample",
    source: "a quarter of the width, a quarter of the real batch, 200 updates: minutes on two cores",
    dataset: "any",
    config: { ipc: 1, network: "convnet3-w32", realBatch: 64, iterations: 200 },
  },
  sample: {
    status: "sample",
    source: "runs in seconds",
    dataset: "any",
    config: { ipc: 1, network: "convnet3-w16", realBatch: 16, iterations: 20 },
  },
} as const;

/** `<data set>-ipc<n>` for all that is reported: the method's defaults at the published length. */
export function reportedPresets(source: string): Record<string, Preset<PublishedConfig>> {
  return Object.fromEntries(
    Object.entries(REPORTED).flatMap(([dataset, sizes]) =>
      sizes.map((ipc) => [
        `${dataset}-ipc${ipc}`,
        { status: "reported", source, dataset, config: publishedRun(ipc) } as const,
      ]),
    ),
  );
}
