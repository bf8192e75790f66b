// Contracts: errors and the types that the parts agree on.
export {
  BackendError,
  ConfigError,
  DataError,
  InterruptedError,
  LimbeckError,
  NotDifferentiableError,
  RunError,
  ShapeError,
} from "./errors.ts";
export type { ImageDataset, ImageShape, ImageSplit, Normalisation } from "./dataset/image-dataset.ts";
export type { PreparedArray, PreparedArrays, PreparedPart } from "./method/prepared-part.ts";
export type {
  DistillationMethod,
  Forecast,
  MethodState,
  Preset,
  PresetStatus,
  RealImages,
  RunContext,
  StepResult,
} from "./method/method.ts";
export type {
  ApplyOptions,
  Differentiate,
  Network,
  NetworkOutput,
  NetworkStatistics,
  ParameterEntry,
} from "./nn/network.ts";
// Augmentation.
export { affineSample } from "./augment/affine-sample.ts";
export { contrastiveView, type ContrastiveViewOptions } from "./augment/contrastive-view.ts";
export { cropFlip, type CropFlipOptions } from "./augment/crop-flip.ts";
export { applyGroup, cropShift, cutoutSide, dsa, DSA_RANGES, type DsaOptions } from "./augment/dsa.ts";
export { drawCutmix, drawMixup, mixImages, mixLabels, type Mixing } from "./augment/mixing.ts";
export { drawCropBoxes, resizedCrop, type CropBox, type CropBoxOptions } from "./augment/resized-crop.ts";
export { DSA_GROUPS, parseStrategy, withoutGroup, type DsaGroup } from "./augment/strategy.ts";

// Data sets.
export { checkNormalisation, denormaliseImages, normalisePixels } from "./dataset/normalise.ts";
export { normalisationDigest } from "./dataset/normalisation-digest.ts";
export { imagePixels, normaliseImages, pixelSpace } from "./dataset/pixel-space.ts";
export { classPositions, realImages } from "./dataset/real-images.ts";
export { numbersOf } from "./engine/numbers-of.ts";
export { heldOutSplit, trainingPositions } from "./dataset/held-out.ts";
export { stratifiedSplit, subsetOfSplit } from "./dataset/split.ts";
export { classSubset } from "./dataset/class-subset.ts";
export { fitZca, whitenedDataset, type Whitening, type ZcaOptions } from "./dataset/zca.ts";

// Optimisers.
export { movingAverage } from "./optim/moving-average.ts";
export {
  adam,
  adamw,
  sgd,
  type AdamOptions,
  type Optimiser,
  type OptimiserState,
  type SgdOptions,
} from "./optim/optimiser.ts";
export { scheduleFactor, type Schedule } from "./optim/schedule.ts";

// Randomness.
export { beta } from "./random/beta.ts";
export { choice, integers, normal, permutation, uniform } from "./random/draw.ts";
export { foldIn, keyFromSeed, splitKey, type Key } from "./random/key.ts";
export type { RunEvent } from "./run/events.ts";

// Synthetic sets.
export { flipEmbedding } from "./synthetic/flip-embedding.ts";
export { hashImages, hashSyntheticSet } from "./synthetic/hash-set.ts";
export { INITIALISATIONS, initialise, type InitialiseOptions } from "./synthetic/initialise.ts";
export { kMeansMembers, type Embedding } from "./synthetic/k-means-members.ts";
export {
  centreScores,
  codecName,
  decodeLabelRecords,
  encodeLabelRecords,
  labelBytes,
  parseCodec,
  type LabelCodec,
} from "./synthetic/label-codec.ts";
export { checkFactor, decodedRows, multiFormation } from "./synthetic/multi-formation.ts";
export { denormalise, oneHotLabels, setImages, setLabels } from "./synthetic/set-tensors.ts";
export { augmentationOf, imagesPerStored } from "./synthetic/stored-images.ts";
export type { Provenance, SyntheticLabels, SyntheticSet } from "./synthetic/synthetic-set.ts";
export { withLabels } from "./synthetic/with-labels.ts";
export { validateSyntheticSet } from "./synthetic/validate-set.ts";
export {
  batchesPerEpoch,
  memoryBytes,
  recordsLength,
  viewRange,
  type ByteSource,
  type ProjectorHeader,
  type StoredBatches,
  type StoredProjector,
  type StoredViews,
  type ViewPlan,
  type ViewsHeader,
} from "./synthetic/view-labels.ts";

// Second derivatives and networks.
export { batchMoments, type BatchMoments } from "./grad/batch-moments.ts";
export { convBlock, type ConvBlockOptions } from "./grad/conv-block.ts";
export { depthwiseConvolution } from "./grad/depthwise-convolution.ts";
export type { ConvBlockOutput } from "./grad/composed-conv-block.ts";
export {
  constant,
  differentiableOp,
  differentiableOp1,
  type LazyGradients,
  onceDifferentiable,
  refuseGradient,
} from "./grad/differentiable-op.ts";
export { differentiableKernels, ensureGradients } from "./grad/ensure-gradients.ts";
export {
  meanOverPieces,
  pieceRows,
  rowsOverPieces,
  samplePieces,
  samplesTogether,
  WHOLE_BATCH,
  type SamplePiece,
} from "./grad/sample-pieces.ts";
export { gradientAlong, type GradientAlong, type ParameterLoss } from "./grad/gradient-along.ts";
export { logSoftmax, softmaxCrossEntropy } from "./grad/softmax-cross-entropy.ts";
export type { Activation } from "./nn/activation.ts";
export { alexnet } from "./nn/alexnet.ts";
export { multiHeadAttention, tokenLayer } from "./nn/attention.ts";
export { convLayer, type ConvLayerOptions, type Norm, type Pooling } from "./nn/conv-layer.ts";
export { convnet, type ConvNetOptions } from "./nn/convnet.ts";
export {
  createNetwork,
  networkNames,
  parseNetworkName,
  type ParsedNetworkName,
} from "./nn/create-network.ts";
export { defineNetwork, type Forward, type NetworkInput } from "./nn/define-network.ts";
export type { FeatureNetworkOptions } from "./nn/feature-network.ts";
export { embeddingHead } from "./nn/embedding-head.ts";
export { layerNormLayer } from "./nn/layer-norm.ts";
export { lenet } from "./nn/lenet.ts";
export { linearLayer } from "./nn/linear-layer.ts";
export { mlp, type MlpOptions } from "./nn/mlp.ts";
export { NetworkPlan, type ForwardPass, type ImageLayer, type ParameterReader } from "./nn/network-plan.ts";
export type { SpeltOptions } from "./nn/option-suffix.ts";
export { cifarResnet, type CifarResNetOptions } from "./nn/cifar-resnet.ts";
export { mobilenetV2, type MobileNetOptions } from "./nn/mobilenet.ts";
export { resnet18, resnet50, type ResNetOptions } from "./nn/resnet.ts";
export { shufflenetV2, type ShuffleNetOptions } from "./nn/shufflenet.ts";
export { projectionHead } from "./nn/projection-head.ts";
export { transformerBlock, type TransformerBlockOptions } from "./nn/transformer-block.ts";
export { vgg11 } from "./nn/vgg.ts";
export { vit, type VitOptions } from "./nn/vit.ts";
export { wideResnet, type WideResNetOptions } from "./nn/wide-resnet.ts";

// Engine: back ends, precision, threads, memory.
export { BACKEND_NAMES, type BackendName } from "./engine/backend-name.ts";
export type { PassedOver } from "./engine/choose-backend.ts";
export { commitHash } from "./engine/commit-hash.ts";
export { doctor, type BackendReport } from "./engine/doctor.ts";
export type { Arithmetic } from "./engine/driver.ts";
export {
  engineIdentity,
  engineInfo,
  ensureBackend,
  useBackend,
  type EngineIdentity,
  type EngineInfo,
} from "./engine/engine.ts";
export { samplesAtOnce } from "./engine/samples-at-once.ts";
export { machineDescription } from "./engine/machine.ts";
export {
  devicePeakBytes,
  liveBytes,
  liveTensors,
  peakBytes,
  peakResidentBytes,
  releaseIdleMemory,
  resetPeakBytes,
} from "./engine/memory.ts";
export { nvidiaCards, type NvidiaCard } from "./engine/nvidia.ts";
export type { SelfTestReport } from "./engine/self-test.ts";
export { PRECISIONS, type EngineOptions, type Precision } from "./engine/settings.ts";
export {
  removeTensorflowSetup,
  setupTensorflow,
  type SetupOptions,
  type SetupReport,
} from "./tensorflow-setup/setup-tensorflow.ts";
export { cacheFolder } from "./cache-folder.ts";

// Training and testing of networks.
export { batchAugmentation, type Batch } from "./train/augment-batch.ts";
export { accuracy, type Accuracy, type AccuracyOptions } from "./train/accuracy.ts";
export type { TrainingData, ViewScores } from "./train/batch-source.ts";
export { halfwayDrop, recipeSchema, type Recipe } from "./train/recipe.ts";
export { trainNetwork, type TrainedNetwork, type TrainOptions } from "./train/train-network.ts";
export { disposeTrained, type EpochReport, type TrainingSnapshot } from "./train/train-epochs.ts";
export { setTrainingData, type ScoreModel, type SetTrainingData } from "./train/set-training-data.ts";
export {
  preparedTeacher,
  teacherParts,
  teacherSchema,
  type Teacher,
  type TeacherConfig,
} from "./train/teacher.ts";
export {
  trainTeacher,
  trainedTeacherConfig,
  trainedTeacherSchema,
  type TrainedTeacherConfig,
  type TrainedTeacherInput,
} from "./train/train-teacher.ts";
export { readNetworkWeights, weightTensors, type NetworkWeights } from "./train/network-weights.ts";
export { encoderSchema, type EncoderConfig, type EncoderConfigInput } from "./train/encoder-config.ts";
export { encoderKey, encoderParts, preparedEncoder } from "./train/encoder-parts.ts";
export { neighbourAccuracy, type NeighbourOptions } from "./train/neighbour-accuracy.ts";
export { ntXent } from "./train/nt-xent.ts";
export { trainContrastive, type ContrastiveOptions } from "./train/train-contrastive.ts";
export { encoderConfig, probeEncoder, trainEncoder, type ProbeOptions } from "./train/train-encoder.ts";
export type { ResumableTrainingOptions } from "./train/training-parts.ts";
export { trainedNetworkPart, type TrainedNetworkOptions } from "./train/trained-network-part.ts";
export { trainStep, type TrainStepOptions, type TrainStepResult } from "./train/train-step.ts";
export { trainingLoss } from "./train/training-loss.ts";
export { plannedViews, viewPlan, type View } from "./train/views.ts";

// Artefacts: set.arrow, pictures, exports.
export { classFolderNames } from "./artifact/class-folder-names.ts";
export { dataCard, type CardOptions, type CardResult } from "./artifact/data-card.ts";
export { createFolder, removeParts, storageError, writeFileBeside } from "./artifact/durable-file.ts";
export { exportImageFolder } from "./artifact/export-image-folder.ts";
export { exportNpz } from "./artifact/export-npz.ts";
export { exportParquet } from "./artifact/export-parquet.ts";
export { exportSafetensors } from "./artifact/export-safetensors.ts";
export { fromBfloat16, fromFloat16, widenHalves } from "./artifact/half-float.ts";
export { float16Bits } from "./synthetic/float16.ts";
export { setOfSafetensors } from "./artifact/import-safetensors.ts";
export {
  decodeLabels,
  encodedLabelBytes,
  encodeLabels,
  openLabels,
  writeLabels,
  type StoredLabels,
} from "./artifact/label-file.ts";
export { openLabelWriter, type LabelWriter } from "./artifact/label-writer.ts";
export { withStoredLabels } from "./artifact/with-stored-labels.ts";
export { networkNameOf, readNetwork, writeNetwork, type TrainedModel } from "./artifact/network-file.ts";
export { hardLabels, previewPng } from "./artifact/preview.ts";
export { readSet } from "./artifact/read-set.ts";
export {
  encodeSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type SafetensorsTensor,
} from "./artifact/safetensors.ts";
export { setBytes, type SetBytes } from "./artifact/set-bytes.ts";
export { writeSet } from "./artifact/write-set.ts";

// Methods and runs.
export { resolveConfig, type ConfigChoice } from "./method/resolve-config.ts";
export { sortedJson } from "./method/sorted-json.ts";
export { disposeState, stateTensors, type NamedTensor } from "./method/state-tensors.ts";
export { distill, type Run } from "./run/distill.ts";
export type { Cadence, DistillOptions } from "./run/distill-options.ts";
export { exportMetrics, exportTensorboard } from "./run/export-metrics.ts";
export { readEvents, type LoggedEvent } from "./run/event-log.ts";
export { forecastRun, type RunForecast } from "./run/plan-run.ts";
export type { RunConfig } from "./run/run-config.ts";
export { folderPartStore, memoryPartStore, type PartStore } from "./run/part-store.ts";
export { prepareContext, type PartEnvironment, type PrepareOptions } from "./run/prepare-parts.ts";
export { createRunContext } from "./run/run-context.ts";
export { lockRunFolder } from "./run/run-lock.ts";
export type { RunMetric } from "./run/run-metrics.ts";
export {
  keptSetPath,
  readRun,
  runPaths,
  setPathOf,
  type RunPaths,
  type RunSummary,
} from "./run/run-folder.ts";
