import { fileURLToPath } from "node:url";
import type { ClipSizes } from "../clip-model.ts";

const text = {
  textWidth: 8,
  textLayers: 2,
  textHeads: 2,
  features: 6,
  vocabulary: 520,
  context: 77,
} as const;
/** CLIPs of a few numbers, recorded from PyTorch: one with a vision transformer, one with a residual network. */
export const TINY: ClipSizes = {
  kind: "transformer",
  name: "tiny-clip",
  image: 8,
  patch: 4,
  visionWidth: 8,
  visionLayers: 2,
  visionHeads: 2,
  ...text,
};
export const TINY_RESIDUAL: ClipSizes = {
  kind: "residual",
  name: "tiny-residual",
  image: 64,
  visionWidth: 2,
  visionHeads: 4,
  stages: [1, 1, 1, 1],
  ...text,
};
/** Path of a recording. */
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../fixtures/pytorch/${name}`, import.meta.url));
export const weights = fixture("tiny-clip.safetensors");
export const merges = fixture("tiny-clip-merges.txt");
