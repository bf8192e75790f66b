export { cdaConfigSchema, type CdaConfig, type CdaConfigInput } from "./cda/config.ts";
export { cda } from "./cda/method.ts";
export { curriculumSchema, smallestCrop, type Curriculum } from "./shared/crop-curriculum.ts";
export {
  meanLength,
  momentsOf,
  statisticsLoss,
  totalVariation,
  type StatisticsLossOptions,
} from "./shared/matching-loss.ts";
export type { RecoverConfig } from "./shared/config.ts";
export type { RecoverState } from "./shared/recover.ts";
export { sre2lConfigSchema, type Sre2lConfig, type Sre2lConfigInput } from "./sre2l/config.ts";
export { sre2l } from "./sre2l/method.ts";
export { inferConfigSchema, type InferConfig, type InferConfigInput } from "./infer/config.ts";
export { infer, type InferState } from "./infer/method.ts";
export { baseRows } from "./infer/rows.ts";
export { bestOfImages, lowest, type ScoredCrop } from "./rded/best-crops.ts";
export { rdedConfigSchema, type RdedConfig, type RdedConfigInput } from "./rded/config.ts";
export { rded, type RdedState } from "./rded/method.ts";
export { gvbsmConfigSchema, type GvbsmConfig, type GvbsmConfigInput } from "./gvbsm/config.ts";
export { gvbsm, type GvbsmState } from "./gvbsm/method.ts";
export { edcConfigSchema, type EdcConfig, type EdcConfigInput } from "./edc/config.ts";
export { edc, type EdcState } from "./edc/method.ts";
