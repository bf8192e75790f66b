import { ensureGradients } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Workload } from "./measure.ts";

/** What one kernel took of a run. */
export interface KernelShare {
  readonly kernel: string;
  readonly calls: number;
  readonly seconds: number;
}

/** Where the seconds of one run went. */
export interface RunProfile {
  /** Wall seconds of the profiled run, timers included. */
  readonly seconds: number;
  /** Slowest first; what their sum leaves of the run is JavaScript between kernels. */
  readonly kernels: readonly KernelShare[];
}

/** Runs a workload twice, the second time with a timer around every kernel. */
export async function profileRun(workload: Workload): Promise<RunProfile> {
  ensureGradients();
  const prepared = workload.prepare();
  // tfjs would read every output back to look for NaN.
  const flag = "CHECK_COMPUTATION_FOR_ERRORS";
  const before = tf.env().getBool(flag);
  tf.env().set(flag, false);
  try {
    await prepared.run();
    const begin = performance.now();
    const { kernels } = await tf.profile(async () => {
      await prepared.run();
      return [];
    });
    const seconds = (performance.now() - begin) / 1000;
    const shares = new Map<string, KernelShare>();
    for (const { name, kernelTimeMs } of kernels) {
      // Functions with a derivative of their own are listed too, around the kernels they are made of.
      if (tf.getKernel(name, tf.getBackend()) === undefined) continue;
      const timed = await kernelTimeMs;
      const milliseconds = typeof timed === "number" ? timed : 0;
      const { calls, seconds: sum } = shares.get(name) ?? { calls: 0, seconds: 0 };
      shares.set(name, { kernel: name, calls: calls + 1, seconds: sum + milliseconds / 1000 });
    }
    return { seconds, kernels: [...shares.values()].sort((a, b) => b.seconds - a.seconds) };
  } finally {
    tf.env().set(flag, before);
    prepared.dispose();
  }
}

/** One line a kernel that took at least a hundredth of the run, then the rest. */
export function profileText({ seconds, kernels }: RunProfile): string {
  const line = (name: string, calls: string, part: number): string =>
    `  ${name.padEnd(28)} ${calls.padStart(5)} calls ${(1000 * part).toFixed(1).padStart(9)} ms ${((100 * part) / seconds).toFixed(1).padStart(6)} %`;
  const large = kernels.filter((share) => share.seconds >= seconds / 100);
  const small = kernels.filter((share) => share.seconds < seconds / 100);
  const sum = (shares: readonly KernelShare[]): number =>
    shares.reduce((total, share) => total + share.seconds, 0);
  const calls = (shares: readonly KernelShare[]): string =>
    String(shares.reduce((total, share) => total + share.calls, 0));
  return [
    ...large.map((share) => line(share.kernel, String(share.calls), share.seconds)),
    line("other kernels", calls(small), sum(small)),
    line("between kernels", "", Math.max(0, seconds - sum(kernels))),
  ].join("\n");
}
