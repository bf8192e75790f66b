/** Where a parameter of ours lies in a published file. */
export interface StoredName {
  readonly tensor: string;
  /** Which third of its rows, where query, key and value are stored as one. */
  readonly third?: 0 | 1 | 2;
  /** Stored as `[in, out]`, not transposed. */
  readonly isUpright?: boolean;
}

const TOWER_NAMES: Readonly<Record<string, string>> = {
  norm1: "layer_norm1",
  norm2: "layer_norm2",
  hidden: "mlp.fc1",
  out: "mlp.fc2",
  "attention/query": "self_attn.q_proj",
  "attention/key": "self_attn.k_proj",
  "attention/value": "self_attn.v_proj",
  "attention/out": "self_attn.out_proj",
};

/** `block3/attention/query/weight` → `TOWER.encoder.layers.3.self_attn.q_proj.weight`. */
function blockName(tower: string, name: string): string {
  const [, layer, part, kind] = /^block(\d+)\/(.+)\/(\w+)$/.exec(name)!;
  const stored = kind === "gamma" ? "weight" : kind === "beta" ? "bias" : kind;
  return `${tower}.encoder.layers.${layer}.${TOWER_NAMES[part!]!}.${stored}`;
}

const VISION_NAMES: Readonly<Record<string, string>> = {
  "patches/filter": "vision_model.embeddings.patch_embedding.weight",
  class: "vision_model.embeddings.class_embedding",
  positions: "vision_model.embeddings.position_embedding.weight",
  // Published with this spelling.
  "before/gamma": "vision_model.pre_layrnorm.weight",
  "before/beta": "vision_model.pre_layrnorm.bias",
  "after/gamma": "vision_model.post_layernorm.weight",
  "after/beta": "vision_model.post_layernorm.bias",
  "projection/weight": "visual_projection.weight",
};

/** Names of `openai/clip-vit-base-patch32`, vision side. */
export function visionName(name: string): StoredName {
  return { tensor: VISION_NAMES[name] ?? blockName("vision_model", name) };
}

const TEXT_NAMES: Readonly<Record<string, string>> = {
  tokens: "text_model.embeddings.token_embedding.weight",
  positions: "text_model.embeddings.position_embedding.weight",
  "after/gamma": "text_model.final_layer_norm.weight",
  "after/beta": "text_model.final_layer_norm.bias",
  "projection/weight": "text_projection.weight",
};

/** Names of `openai/clip-vit-base-patch32`, text side. */
export function textName(name: string): StoredName {
  return { tensor: TEXT_NAMES[name] ?? blockName("text_model", name) };
}

const ORIGINAL_TEXT: Readonly<Record<string, string>> = {
  tokens: "token_embedding.weight",
  positions: "positional_embedding",
  "after/gamma": "ln_final.weight",
  "after/beta": "ln_final.bias",
  "projection/weight": "text_projection",
};
const ORIGINAL_PARTS: Readonly<Record<string, string>> = {
  norm1: "ln_1",
  norm2: "ln_2",
  hidden: "mlp.c_fc",
  out: "mlp.c_proj",
  "attention/out": "attn.out_proj",
};
const THIRDS: Readonly<Record<string, 0 | 1 | 2>> = {
  "attention/query": 0,
  "attention/key": 1,
  "attention/value": 2,
};

/** Names of the original release (and of open_clip), text side: query, key and value lie in one tensor. */
export function originalTextName(name: string): StoredName {
  const known = ORIGINAL_TEXT[name];
  if (known !== undefined) return { tensor: known, isUpright: name === "projection/weight" };
  const [, layer, part, kind] = /^block(\d+)\/(.+)\/(\w+)$/.exec(name)!;
  const place = `transformer.resblocks.${layer}`;
  const third = THIRDS[part!];
  if (third !== undefined) return { tensor: `${place}.attn.in_proj_${kind}`, third };
  return { tensor: `${place}.${ORIGINAL_PARTS[part!]!}.${weightOrBias(kind!)}` };
}

/** Names of the original release (and of open_clip), residual network: `visual.layer1.0.conv1.weight`. */
export function residualName(name: string): StoredName {
  const at = name.lastIndexOf("/");
  const [layer, kind] = [name.slice(0, at), name.slice(at + 1)];
  if (name === "pool/positions") return { tensor: "visual.attnpool.positional_embedding" };
  if (layer.startsWith("pool/")) {
    const letter = { query: "q", key: "k", value: "v", out: "c" }[layer.slice("pool/".length)]!;
    return { tensor: `visual.attnpool.${letter}_proj.${kind}` };
  }
  const module = residualModule(layer, kind === "filter");
  return { tensor: `visual.${module}.${weightOrBias(kind)}` };
}

/** Module of a convolution or of its normalisation. */
function residualModule(layer: string, isFilter: boolean): string {
  const stem = /^stem(\d)$/.exec(layer)?.[1];
  if (stem !== undefined) return `${isFilter ? "conv" : "bn"}${stem}`;
  const [, stage, block, part] = /^stage(\d+)\/block(\d+)\/(\w+)$/.exec(layer)!;
  const place = `layer${stage}.${block}`;
  if (part === "shortcut") return `${place}.downsample.${isFilter ? 0 : 1}`;
  return `${place}.${isFilter ? part! : part!.replace("conv", "bn")}`;
}

function weightOrBias(kind: string): string {
  return kind === "filter" || kind === "gamma" ? "weight" : kind === "beta" ? "bias" : kind;
}
