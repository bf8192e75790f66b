import * as tf from "@tensorflow/tfjs-core";
import { FLOAT32_ONLY, firstLine, type Arithmetic, type Availability, type BackendDriver } from "./driver.ts";
import { cpuModel } from "./machine.ts";
import { nvidiaModel } from "./nvidia.ts";
import { resolveOptional } from "./optional-package.ts";
import type { EngineSettings } from "./settings.ts";
import { registerNumericPadding } from "./tensorflow-padding.ts";

/** Either package gives the same back end; the first that loads is taken. */
const PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

/** From this Node on, `util.isNullOrUndefined`, which tfjs-node 4.22 calls, is gone. */
const FIRST_UNSUPPORTED_NODE = 23;

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
      const found = PACKAGES.map((name) => ({ name, entry: resolveOptional(name) }));
      const installed = found.flatMap(({ name, entry }) => (entry === undefined ? [] : [{ name, entry }]));
      const node = Number(process.versions.node.split(".")[0]);
      const refusal =
        refuse(
          installed.map(({ name }) => name),
          node,
        ) ?? (await load(installed, settings));
      if (refusal !== undefined) return refusal;
    }
    return describe(loaded!);
  },
  // Importing the package has registered it.
  prepare() {},
};

/** Why loading need not be tried: nothing installed, or a Node that the package cannot run on. */
export function refuse(installed: readonly string[], nodeMajor: number): Availability | undefined {
  if (installed.length === 0) {
    return {
      available: false,
      reason: `neither ${PACKAGES.join(" nor ")} is installed`,
      fix: `install ${PACKAGES[0]} (NVIDIA GPUs) or ${PACKAGES[1]} and let its install script run`,
    };
  }
  if (nodeMajor >= FIRST_UNSUPPORTED_NODE) {
    return {
      available: false,
      reason: `Node ${nodeMajor} is too new for ${installed[0]}, which works up to Node ${FIRST_UNSUPPORTED_NODE - 1}`,
      fix: `run with Node 20 or ${FIRST_UNSUPPORTED_NODE - 1}`,
    };
  }
  return undefined;
}

/** Tells a package without its compiled binding from one whose binding does not load. */
export function explainLoadFailure(packageName: string, error: unknown): Availability {
  const text = firstLine(error);
  if (text.includes("native addon module (tfjs_binding.node) can not be found")) {
    return {
      available: false,
      reason: `${packageName} is installed but its binding is missing: its install script did not run or could not download TensorFlow`,
      fix: `run \`npm rebuild ${packageName} --build-addon-from-source\` where the download host of TensorFlow can be reached`,
    };
  }
  return {
    available: false,
    reason: `${packageName} is installed but its binding does not load: ${text}`,
    fix: "install the libraries it asks for (CUDA and cuDNN for the GPU package), or rebuild the package",
  };
}

async function load(
  installed: readonly { readonly name: string; readonly entry: string }[],
  settings: EngineSettings,
): Promise<Availability | undefined> {
  const before = tf.engine().backendName;
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "3";
  process.env["TF_NUM_INTRAOP_THREADS"] = String(settings.threads);
  // TensorFloat-32 keeps 10 bits of the mantissa: only `default` may use it.
  process.env["NVIDIA_TF32_OVERRIDE"] ??= settings.precision === "default" ? "1" : "0";
  let failure: Availability | undefined;
  for (const { name, entry } of installed) {
    try {
      await import(entry);
      registerNumericPadding();
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
  return {
    available: true,
    version: `TensorFlow ${backend.binding.TF_Version} through ${state.packageName}`,
    device: backend.isUsingGpuDevice ? `${nvidiaModel()} (CUDA)` : cpuModel(),
    accelerated: backend.isUsingGpuDevice,
    threads: state.threads,
    arithmetic: state.arithmetic,
    isa: backend.isUsingGpuDevice ? "cuda" : "chosen by oneDNN",
  };
}
