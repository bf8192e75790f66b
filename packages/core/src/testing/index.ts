// Support for tests of methods: `import { testMethod } from "@limbeck/core/testing"`. Needs vitest.
export { testMethod, type TestMethodOptions } from "./test-method.ts";
export { toyDataset, type ToyDatasetOptions } from "./toy-dataset.ts";
export { toyConfigSchema, toyMethod, type ToyConfig, type ToyState } from "./toy-method.ts";
export { toySet, type ToySetOptions } from "./toy-set.ts";
export { startWebgpu } from "./start-webgpu.ts";
