/** Teachers of the published settings and constants of their images, shared by the presets of the family. */

/** ImageNet's constants, which torchvision's checkpoints and the public CIFAR-10 networks of 2018 were trained with. */
export const IMAGENET_CONSTANTS = {
  kind: "mean-std",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const;

const { mean, std } = IMAGENET_CONSTANTS;

/** torchvision's ResNet-18, converted to safetensors. */
export const imagenetTeacher = {
  network: "resnet18-imagenet-batch",
  file: "teachers/resnet18-imagenet1k-v1.safetensors",
  normalisation: { mean: [...mean], std: [...std] },
};
/** zeyuanyin/tiny-imagenet: 50 epochs reach 59.57; longer training recovers worse. */
export const tinyTeacher = {
  network: "resnet18-batch-gap",
  epochs: 50,
  learningRate: 0.2,
  batchSize: 256,
  weightDecay: 1e-4,
};
/** small_dataset/squeeze_cifar.py: 200 epochs reach 78.72 on CIFAR-100. */
export const cifarTeacher = { network: "resnet18-batch", epochs: 200 };
/** The public ResNet-20 of CIFAR-10, 91.73 on the test split. */
export const cifar10Resnet20 = { network: "resnet20", file: "teachers/cifar10-resnet20.safetensors" };
/** A teacher of seconds. */
export const sampleTeacher = { network: "convnet3-w16-batch", epochs: 1, learningRate: 0.05 };
/** The public ResNet-56 of CIFAR-10, 93.39 on the test split. */
export const cifar10Resnet56 = { network: "resnet56", file: "teachers/cifar10-resnet56.safetensors" };
