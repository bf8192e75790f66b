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
