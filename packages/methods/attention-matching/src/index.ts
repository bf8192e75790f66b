export { datadamConfigSchema, type DatadamConfig, type DatadamConfigInput } from "./datadam/config.ts";
export { datadam } from "./datadam/method.ts";
export { unitAttention } from "./datadam/spatial-attention.ts";
export { dmConfigSchema, type DmConfig, type DmConfigInput } from "./dm/config.ts";
export { dm } from "./dm/method.ts";
export { classMeans, squaredMeanDistance } from "./shared/class-means.ts";
