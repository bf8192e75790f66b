import { cpus, freemem, totalmem, type CpuInfo } from "node:os";
import type { LoadSample, MachineLoad } from "./model.ts";

const PERIOD = 1000;
/** Two minutes. */
const MOST_SAMPLES = 120;

/** Measures this machine every second, of which the last two minutes are kept. */
export interface LoadWatch {
  read(): MachineLoad;
  stop(): void;
}

/** @see LoadWatch */
export function watchLoad(): LoadWatch {
  const samples: LoadSample[] = [];
  const memory = totalmem();
  let before = cpus();
  const timer = setInterval(() => {
    const now = cpus();
    samples.push({ processor: busyShare(before, now), memory: memory - freemem() });
    if (samples.length > MOST_SAMPLES) samples.shift();
    before = now;
  }, PERIOD);
  timer.unref();
  return {
    read: () => ({ cores: before.length, memory, samples: [...samples] }),
    stop: () => clearInterval(timer),
  };
}

/** Share of the time of all cores between two readings in which they were not idle, 0 to 1. */
export function busyShare(
  before: readonly Pick<CpuInfo, "times">[],
  after: readonly Pick<CpuInfo, "times">[],
): number {
  const sum = (readings: typeof before, of: (times: CpuInfo["times"]) => number): number =>
    readings.reduce((total, { times }) => total + of(times), 0);
  const all = ({ user, nice, sys, idle, irq }: CpuInfo["times"]): number => user + nice + sys + idle + irq;
  const time = sum(after, all) - sum(before, all);
  const idle = sum(after, (times) => times.idle) - sum(before, (times) => times.idle);
  // Cores may be switched off between two readings.
  return time > 0 ? Math.min(1, Math.max(0, 1 - idle / time)) : 0;
}
