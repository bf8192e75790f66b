export { loadNative, type NativeStatus } from "./addon.ts";
export {
  CONV_BLOCK,
  CONV_BLOCK_GRAD,
  CONV_BLOCK_GRAD_GRAD,
  type ConvBlockAttrs,
  type ConvBlockGradAttrs,
  type ConvBlockGradGradAttrs,
  type ConvBlockInputs,
  type KernelAttrs,
  type KernelInputs,
} from "./conv-block.ts";
export { AFFINE_SAMPLE, AFFINE_SAMPLE_TRANSPOSE } from "./kernels/resampling.ts";
export { mapFile, type MappedFile } from "./map-file.ts";
export { NATIVE_BACKEND, nativeKernelNames, registerNativeBackend } from "./register-native-backend.ts";
export {
  availableIsas,
  isa,
  isaProblem,
  measureCeilings,
  nativeMemory,
  precision,
  setIsa,
  setPrecision,
  setThreadCount,
  threadCount,
  trimMemory,
  type Ceilings,
  type NativeMemory,
  type NativePrecision,
} from "./settings.ts";
