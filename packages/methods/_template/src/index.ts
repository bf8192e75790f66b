export {
  meanEmbeddingConfigSchema,
  type MeanEmbeddingConfig,
  type MeanEmbeddingConfigInput,
} from "./config.ts";
export { meanEmbeddingDistance } from "./loss.ts";
export { meanEmbedding, type MeanEmbeddingState } from "./method.ts";
