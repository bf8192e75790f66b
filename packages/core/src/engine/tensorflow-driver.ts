import * as tf from "@tensorflow/tfjs-core";
import { FLOAT32_ONLY, firstLine, type Arithmetic, type Availability, type BackendDriver } from "./driver.ts";
import { cpuModel } from "./machine.ts";
import { hasNvidiaDriver, nvidiaCard } from "./nvidia.ts";
import type { EngineSettings } from "./settings.ts";
import { registerNumericPadding } from "./tensorflow-padding.ts";
import { registerQuickStep } from "./tensorflow-step.ts";
import { loadTensorflowPackage } from "../tensorflow-setup/load-tensorflow-package.ts";
import { currentSetup } from "../tensorflow-setup/setup-folder.ts";
import {
  installedTensorflowPackages,
  TENSORFLOW_PACKAGES,
  type TensorflowPackage,
} from "../tensorflow-setup/tensorflow-package.ts";

/** What puts all of it right on one machine. */
const SETUP = "run `limbeck setup tensorflow`";

/** What the loaded back end object tells about itself. */
interface TensorflowBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_Version: string };
}

/** TensorFlow reads its settings from the environment when it is loaded, and never again. */
interface Loaded {
  readonly packageName: string;
  readonly threads: number;
  readonly arithmetic: Arithmetic;
}

let loaded: Loaded | undefined;

/** TensorFlow's C library through tfjs-node: CUDA where the package and the machine have it, else the processor. */
export const tensorflowDriver: BackendDriver = {
  name: "tensorflow",
  async probe(settings) {
    if (loaded === undefined) {
      const packages = installedTensorflowPackages();
      const refusal = packages.length === 0 ? notInstalled() : await load(packages, settings);
      if (refusal !== undefined) return refusal;
    }
    return describe(loaded!);
  },
  // Importing the package has registered it.
  prepare() {},
};

/** No package that could be loaded. */
export function notInstalled(): Availability {
  return {
    available: false,
    reason: `neither ${TENSORFLOW_PACKAGES.join(" nor ")} is installed`,
    fix: `run \`npm install --ignore-scripts ${TENSORFLOW_PACKAGES[0]}\` in the folder you work in, then ${SETUP.slice(4)}`,
  };
}

/** Tells a package without its compiled binding from one whose binding does not load. */
export function explainLoadFailure(packageName: string, error: unknown): Availability {
  const text = firstLine(error);
  if (text.includes("native addon module (tfjs_binding.node) can not be found")) {
    return {
      available: false,
      reason: `${packageName} is installed but its binding is missing: its install script did not run or could not download TensorFlow`,
      fix: `${SETUP}, which builds it against a TensorFlow of Python`,
    };
  }
  return {
    available: false,
    reason: `${packageName} is installed but its binding does not load: ${text}`,
    fix: `${SETUP}, which builds it against a TensorFlow of Python, or install the libraries it asks for`,
  };
}

async function load(
  packages: readonly TensorflowPackage[],
  settings: EngineSettings,
): Promise<Availability | undefined> {
  const state = currentSetup(packages);
  if (state.kind === "broken")
    return { available: false, reason: state.reason, fix: `${SETUP} again, or with --remove` };
  const [binding, candidates] =
    state.kind === "ready"
      ? [state.binding, packages.filter(({ name }) => name === state.setup.package.name)]
      : [undefined, packages];
  const before = tf.engine().backendName;
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "3";
  process.env["TF_NUM_INTRAOP_THREADS"] = String(settings.threads);
  // TensorFloat-32 keeps 10 bits of the mantissa: only `default` may use it.
  process.env["NVIDIA_TF32_OVERRIDE"] ??= settings.precision === "default" ? "1" : "0";
  // As `nvidia-smi` counts them.
  process.env["CUDA_DEVICE_ORDER"] ??= "PCI_BUS_ID";
  // Without it the first process would take all of a card's memory.
  process.env["TF_FORCE_GPU_ALLOW_GROWTH"] ??= "true";
  let failure: Availability | undefined;
  for (const each of candidates) {
    const { name } = each;
    try {
      loadTensorflowPackage(each, binding);
      registerNumericPadding();
      registerQuickStep();
      const tf32 = process.env["NVIDIA_TF32_OVERRIDE"] !== "0" ? "tf32" : "float32";
      const onCuda = backendObject().isUsingGpuDevice;
      loaded = {
        packageName: name,
        threads: settings.threads,
        arithmetic: onCuda ? { highest: tf32, high: tf32, default: tf32 } : FLOAT32_ONLY,
      };
      return undefined;
    } catch (error) {
      failure ??= explainLoadFailure(name, error);
    } finally {
      // The package makes itself the current back end.
      if (before && before !== "tensorflow") await tf.setBackend(before);
    }
  }
  return failure;
}

function backendObject(): TensorflowBackend {
  return tf.findBackend("tensorflow") as unknown as TensorflowBackend;
}

function describe(state: Loaded): Availability {
  const backend = backendObject();
  const accelerated = backend.isUsingGpuDevice;
  return {
    available: true,
    version: `TensorFlow ${backend.binding.TF_Version} through ${state.packageName}`,
    device: accelerated ? cudaDevice() : cpuModel(),
    accelerated,
    threads: state.threads,
    arithmetic: state.arithmetic,
    isa: accelerated ? "cuda" : "chosen by oneDNN",
    ...(accelerated ? { memory: nvidiaCard().memory } : {}),
    ...(!accelerated && hasNvidiaDriver() ? { advice: NO_CUDA } : {}),
  };
}

/** Where there is a card and TensorFlow computes on the processor all the same. */
const NO_CUDA =
  "the NVIDIA card is not used: this TensorFlow has no CUDA, or the CUDA libraries are missing or too old for it; run " +
  '`python3 -m pip install "tensorflow[and-cuda]"`, then `limbeck setup tensorflow`';

function cudaDevice(): string {
  const { name, driver } = nvidiaCard();
  return `${name} (CUDA${driver === null ? "" : `, driver ${driver}`})`;
}
