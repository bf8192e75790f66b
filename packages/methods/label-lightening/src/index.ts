export { bicubicResize } from "./bicubic-resize.ts";
export { CLIP_NORMALISATION, CLIP_RN50, CLIP_VIT_B_32, type ClipSizes } from "./clip/clip-model.ts";
export { readClip, type Clip } from "./clip/read-clip.ts";
export { readTokenizer, type Tokenizer } from "./clip/tokenizer.ts";
export { labelForms, labelFormSchema, type LabelForm, type LabelFormInput } from "./label-form.ts";
export { labelModelOf, type LabelModel } from "./label-model.ts";
export {
  projectorConfigSchema,
  projectorPresets,
  type ProjectorConfig,
  type ProjectorConfigInput,
} from "./projector/config.ts";
export { zooEncoder, type Encoder, type HeadWeights } from "./projector/encoder.ts";
export { labelByProjector, type LabelByProjectorOptions } from "./projector/label-by-projector.ts";
export { adapterLayout, chooseAdapters, type Adapter, type AdapterLayout } from "./projector/low-rank.ts";
export {
  clipModels,
  labelModelFromFile,
  readEncoder,
  type EncoderFile,
  type EncoderFileOptions,
} from "./read-encoder.ts";
export { readTrainedModel } from "./read-trained-model.ts";
export { relabel, relabelToFile, type RelabelOptions } from "./relabel.ts";
export { teacherAgreement } from "./teacher-agreement.ts";
export {
  meanTeacher,
  networkTeacher,
  teacherFor,
  type NetworkTeacherOptions,
  type Teacher,
} from "./teacher.ts";
