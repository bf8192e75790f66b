// Contracts: errors and the types that the parts agree on.
export {
  BackendError,
  ConfigError,
  DataError,
  LimbeckError,
  NotDifferentiableError,
  RunError,
  ShapeError,
} from "./errors.ts";
export type { ImageDataset, ImageShape, ImageSplit, Normalisation } from "./dataset/image-dataset.ts";
export type {
  DistillationMethod,
  Forecast,
  MethodState,
  Preset,
  PresetStatus,
  RealImages,
  RunContext,
  StepResult,
} from "./method/method.ts";
export type {
  ApplyOptions,
  Differentiate,
  Network,
  NetworkOutput,
  NetworkStatistics,
  ParameterEntry,
} from "./nn/network.ts";
export { choice, integers, normal, permutation, uniform } from "./random/draw.ts";
export { foldIn, keyFromSeed, splitKey, type Key } from "./random/key.ts";
export type { RunEvent } from "./run/events.ts";
export type { Provenance, SyntheticLabels, SyntheticSet } from "./synthetic/synthetic-set.ts";
