/** What all CLIPs share. */
interface ClipTextSizes {
  readonly name: string;
  /** Side of the images, pixels. */
  readonly image: number;
  readonly visionWidth: number;
  readonly visionHeads: number;
  readonly textWidth: number;
  readonly textLayers: number;
  readonly textHeads: number;
  /** Features that images and texts share. */
  readonly features: number;
  readonly vocabulary: number;
  /** Tokens of a prompt at most, its start and end included. */
  readonly context: number;
}

/** Sizes of a CLIP with a vision transformer. */
export interface ClipTransformerSizes extends ClipTextSizes {
  readonly kind: "transformer";
  /** Side of a patch. */
  readonly patch: number;
  readonly visionLayers: number;
}

/** Sizes of a CLIP with a residual network; `visionWidth` is that of its stem, `visionHeads` are those of its pooling. */
export interface ClipResidualSizes extends ClipTextSizes {
  readonly kind: "residual";
  /** Bottlenecks of each stage. */
  readonly stages: readonly number[];
}

export type ClipSizes = ClipTransformerSizes | ClipResidualSizes;

/** ViT-B/32 as published. @see Radford et al., "Learning transferable visual models from natural language supervision", table 20. */
export const CLIP_VIT_B_32: ClipSizes = {
  kind: "transformer",
  name: "clip-vit-b-32",
  image: 224,
  patch: 32,
  visionWidth: 768,
  visionLayers: 12,
  visionHeads: 12,
  textWidth: 512,
  textLayers: 12,
  textHeads: 8,
  features: 512,
  vocabulary: 49408,
  context: 77,
};

/** RN50 as published. @see Radford et al., table 19. */
export const CLIP_RN50: ClipSizes = {
  kind: "residual",
  name: "clip-rn50",
  image: 224,
  visionWidth: 64,
  stages: [3, 4, 6, 3],
  visionHeads: 32,
  textWidth: 512,
  textLayers: 12,
  textHeads: 8,
  features: 1024,
  vocabulary: 49408,
  context: 77,
};

/** What CLIP's images are normalised with, on pixels in [0, 1]. */
export const CLIP_NORMALISATION = {
  kind: "mean-std",
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
} as const;
