/** What the methods' `sample` presets share: one narrow expert, and few short runs of the student. */
export const sampleRun = {
  ipc: 1,
  network: "convnet3-w8",
  experts: 1,
  innerSteps: 5,
  maxStartEpoch: 2,
  imageLearningRate: 100,
  stepSizeLearningRate: 1e-6,
  iterations: 20,
} as const;
