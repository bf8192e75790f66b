// What the queue costs: `npx tsx benchmarks/src/perf/queue-throughput.ts [cells]` prints one JSON line. Wants redis-server or
// valkey-server; watcher, one worker and the cells share one process and one thread.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { createCellRunner } from "../sweep/cell-runner.ts";
import { folderCellStore, type CellStore } from "../sweep/cell-store.ts";
import { planCells, type SweepPlan } from "../sweep/sweep-plan.ts";
import { planToySweep, toyCatalogue } from "../sweep/toy-sweep.test-support.ts";
import { runCellWorker } from "../queue/cell-worker.ts";
import { queueSweep } from "../queue/queue-sweep.ts";
import { REDIS_SERVER, startRedis } from "../queue/testing/redis-server.ts";

const cells = Number(process.argv[2] ?? 1000);
/** Of these, the cells that are computed, with and without a queue: each flushes its files to the disk some twenty times. */
const computed = Math.ceil(cells / 10);
/** A store in which every cell is finished as soon as somebody asks: what is left is the queue. */
const finishedStore: CellStore = {
  outcome: () => Promise.resolve({ kind: "set", hash: "0", seconds: 0 }),
  set: () => Promise.reject(new Error("no set")),
  finished: () => Promise.resolve(new Set<string>()),
  finish: () => Promise.resolve(),
};

if (REDIS_SERVER === undefined) throw new Error("throughput: redis-server or valkey-server is not installed");
const root = mkdtempSync(join(tmpdir(), "limbeck-throughput-"));
const redis = await startRedis();
const client = new Redis(redis.address);
try {
  const plan = await shortCells(cells);
  const some = { ...plan, groups: plan.groups.slice(0, computed) };
  const direct = await measured(computed, async () => {
    const store = folderCellStore(join(root, "direct"));
    const runner = createCellRunner({ catalogue: toyCatalogue, store, ...places("direct") });
    for (const cell of planCells(some)) await runner(cell);
  });
  const queued = await measured(computed, () =>
    throughQueue(some, folderCellStore(join(root, "queued")), "queued"),
  );
  const idle = await measured(cells, () => throughQueue(plan, finishedStore, "idle"));
  const memory = await jobMemory(plan);
  const line = {
    cells,
    computed,
    cellsPerSecond: { direct: direct.rate, queued: queued.rate, withoutWork: idle.rate },
    processorMilliseconds: {
      direct: direct.processor,
      queued: queued.processor,
      withoutWork: idle.processor,
    },
    redis: { processorMilliseconds: idle.redisProcessor, bytesPerWaitingCell: memory },
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
} finally {
  client.disconnect();
  await redis.stop();
  rmSync(root, { recursive: true });
}

/** A plan of `count` toy distillations of one step. */
async function shortCells(count: number): Promise<SweepPlan> {
  const file = join(root, "sweep.yaml");
  const grid = "methods: { method: toy, config: { iterations: 1 } }, datasets: toy, ipc: 1";
  writeFileSync(file, `grid: { ${grid}, evaluate: { networks: mlp } }\n`);
  const plan = await planToySweep(file);
  const { distill } = plan.groups[0]!;
  return {
    ...plan,
    groups: Array.from({ length: count }, (_, seed) => ({ distill: { ...distill!, seed }, evaluate: [] })),
  };
}

function places(name: string): { readonly work: string; readonly prepared: string } {
  return { work: join(root, name, "work"), prepared: join(root, name, "prepared") };
}

async function throughQueue(plan: SweepPlan, store: CellStore, name: string): Promise<void> {
  const stop = new AbortController();
  const queue = redis.address;
  const working = runCellWorker({
    queue,
    store: () => store,
    catalogue: toyCatalogue,
    name,
    signal: stop.signal,
    ...places(name),
  });
  await queueSweep(plan, { queue, store: () => store, records: [] });
  stop.abort();
  await working;
}

interface Measured {
  /** Cells a second of wall time. */
  readonly rate: number;
  /** Of this process and of the server, milliseconds a cell. */
  readonly processor: number;
  readonly redisProcessor: number;
}

async function measured(count: number, task: () => Promise<void>): Promise<Measured> {
  const [wall, own, server] = [performance.now(), process.cpuUsage(), await serverSeconds()];
  await task();
  const seconds = (performance.now() - wall) / 1000;
  const { user, system } = process.cpuUsage(own);
  const round = (value: number): number => Number(value.toPrecision(3));
  return {
    rate: round(count / seconds),
    processor: round((user + system) / 1000 / count),
    redisProcessor: round((1000 * ((await serverSeconds()) - server)) / count),
  };
}

async function serverSeconds(): Promise<number> {
  const text = await client.info("cpu");
  const field = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(text)?.[1]);
  return field("used_cpu_user") + field("used_cpu_sys");
}

/** Bytes of the server for each waiting cell. */
async function jobMemory(plan: SweepPlan): Promise<number> {
  const used = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
  await client.flushall();
  const before = await used();
  const stop = new AbortController();
  const watched = queueSweep(plan, {
    queue: redis.address,
    store: () => finishedStore,
    records: [],
    signal: stop.signal,
  }).catch(() => undefined);
  while ((await client.llen("bull:limbeck-cells:wait")) < cells)
    await new Promise((resolve) => setTimeout(resolve, 100));
  const after = await used();
  stop.abort();
  await watched;
  return Math.round((after - before) / cells);
}
