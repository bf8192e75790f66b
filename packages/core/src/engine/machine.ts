import { arch, availableParallelism, cpus, platform, totalmem } from "node:os";

/** Model name of the processor, or its architecture where the system does not tell. */
export function cpuModel(): string {
  const model = cpus()[0]?.model.replace(/\s+/g, " ").trim();
  return model === undefined || model === "" || model === "unknown" ? arch() : model;
}

/**
 * The machine in one line for records: processor, usable cores, memory, system, Node version. Never the host's name.
 *
 * @returns Such as `Intel(R) Xeon(R) Gold 6330, 2 cores, 16 GiB, linux x64, Node 20.20.2`.
 */
export function machineDescription(): string {
  const cores = availableParallelism();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const system = `${platform()} ${arch()}`;
  return `${cpuModel()}, ${cores} ${cores === 1 ? "core" : "cores"}, ${gibibytes} GiB, ${system}, Node ${process.versions.node}`;
}
