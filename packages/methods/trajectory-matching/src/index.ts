export { mttConfigSchema, type MttConfig, type MttConfigInput } from "./mtt/config.ts";
export { mtt } from "./mtt/method.ts";
export { teslaConfigSchema, type TeslaConfig, type TeslaConfigInput } from "./tesla/config.ts";
export { tesla, type TeslaState } from "./tesla/method.ts";
export { ftdConfigSchema, type FtdConfig, type FtdConfigInput } from "./ftd/config.ts";
export { ftd, type FtdState } from "./ftd/method.ts";
export { datmConfigSchema, type DatmConfig, type DatmConfigInput } from "./datm/config.ts";
export { datm, type DatmState } from "./datm/method.ts";
export { astConfigSchema, type AstConfig, type AstConfigInput } from "./ast/config.ts";
export { ast } from "./ast/method.ts";
export type { TrajectoryState } from "./shared/trajectory-state.ts";
export {
  trajectoryGradient,
  type StudentLoss,
  type Trajectory,
  type TrajectoryGradient,
  type Waypoint,
} from "./shared/trajectory-gradient.ts";
