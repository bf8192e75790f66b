export { mttConfigSchema, type MttConfig, type MttConfigInput } from "./mtt/config.ts";
export { mtt } from "./mtt/method.ts";
export { heldOutSplit } from "./experts/held-out.ts";
export type { TrajectoryState } from "./shared/trajectory-state.ts";
export {
  trajectoryGradient,
  type StudentLoss,
  type Trajectory,
  type TrajectoryGradient,
  type Waypoint,
} from "./shared/trajectory-gradient.ts";
