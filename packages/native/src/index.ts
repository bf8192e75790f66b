export {
  CONV_BLOCK,
  CONV_BLOCK_GRAD,
  CONV_BLOCK_GRAD_GRAD,
  type ConvBlockAttrs,
  type ConvBlockGradAttrs,
  type ConvBlockGradGradAttrs,
  type ConvBlockInputs,
} from "./conv-block.ts";
