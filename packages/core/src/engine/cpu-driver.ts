import { version_cpu } from "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { FLOAT32_ONLY, type BackendDriver } from "./driver.ts";
import { cpuModel } from "./machine.ts";

/** tfjs in plain JavaScript: slow, always there, the reference of the tests. */
export const cpuDriver: BackendDriver = {
  name: "cpu",
  probe: () =>
    Promise.resolve({
      available: true,
      version: version_cpu,
      device: cpuModel(),
      accelerated: false,
      threads: 1,
      arithmetic: FLOAT32_ONLY,
      isa: "none",
    }),
  prepare() {
    // Importing the package has registered it. At first use it advertises tfjs-node on standard error: not here.
    (tf.findBackend("cpu") as unknown as { firstUse: boolean }).firstUse = false;
  },
};
