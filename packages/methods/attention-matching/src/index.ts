export { unitChannelAttention } from "./atom/channel-attention.ts";
export { atomConfigSchema, type AtomConfig, type AtomConfigInput } from "./atom/config.ts";
export { atom } from "./atom/method.ts";
export { datadamConfigSchema, type DatadamConfig, type DatadamConfigInput } from "./datadam/config.ts";
export { datadam } from "./datadam/method.ts";
export { unitAttention } from "./datadam/spatial-attention.ts";
export { dcConfigSchema, type DcConfig, type DcConfigInput } from "./dc/config.ts";
export { dc } from "./dc/method.ts";
export { dmConfigSchema, type DmConfig, type DmConfigInput } from "./dm/config.ts";
export { dm } from "./dm/method.ts";
export { dsaConfigSchema, type DsaConfig, type DsaConfigInput } from "./dsa/config.ts";
export { dsa } from "./dsa/method.ts";
export { idcConfigSchema, type IdcConfig, type IdcConfigInput } from "./idc/config.ts";
export { idc } from "./idc/method.ts";
export { idmConfigSchema, type IdmConfig, type IdmConfigInput } from "./idm/config.ts";
export { idm } from "./idm/method.ts";
export {
  characteristicDistance,
  characteristicFunction,
  type CharacteristicDistance,
  type CharacteristicFunction,
} from "./ncfm/characteristic-function.ts";
export { ncfmConfigSchema, type NcfmConfig, type NcfmConfigInput } from "./ncfm/config.ts";
export { ncfm } from "./ncfm/method.ts";
export { meanKernel, squaredMmd } from "./ncfm/mmd.ts";
export { classMeans, squaredMeanDistance } from "./shared/class-means.ts";
export { classGradient } from "./shared/class-gradient.ts";
export { gradientDistance } from "./shared/gradient-distance.ts";
export { unitRows } from "./shared/unit-rows.ts";
