import { hostname } from "node:os";
import { join } from "node:path";
import {
  deviceEnvironment,
  methods,
  openCellStore,
  runCellWorker,
  takeInterrupts,
  wholeNumber,
  type WorkerEvent,
} from "@limbeck/benchmarks";
import type { Command } from "commander";
import { withOutputOptions } from "../common-options.ts";
import { openForCommand } from "../open-for-command.ts";
import { createOutput, type Output, type OutputOptions } from "../output.ts";
import { queueOption } from "../queue-option.ts";
import { threeDigits } from "../units.ts";

interface WorkerFlags extends OutputOptions {
  readonly queue: string;
  readonly store: string;
  readonly work?: string;
  readonly lease: number;
  readonly untilEmpty?: true;
  readonly device?: number;
}

/** Seconds between two lines about one cell. */
const LINE_INTERVAL = 30;

/** `limbeck worker`: takes cells of sweeps from a queue, on any number of machines. */
export function registerWorker(program: Command): void {
  const command = program
    .command("worker")
    .description(
      "take cells of sweeps from a queue, one at a time, and put their outcomes into the shared store",
    )
    .addOption(queueOption("Redis or Valkey server that limbeck sweep --queue uses").makeOptionMandatory())
    .requiredOption("--store <place>", "folder or s3://BUCKET/PREFIX that all machines share")
    .option(
      "--work <folder>",
      "for unfinished cells; where workers share it, one goes on from another's checkpoint (default: in the store, or .limbeck)",
    )
    .option(
      "--lease <seconds>",
      "a worker silent for so long loses its cell: longer than any step",
      wholeNumber(1),
      120,
    )
    .option(
      "--device <n>",
      "graphics card of this worker; several workers share a machine so",
      wholeNumber(0),
    )
    .option("--until-empty", "end when no cell is waiting");
  withOutputOptions(command).action(runWorker);
}

async function runWorker({
  queue,
  store: place,
  lease,
  untilEmpty,
  device,
  ...flags
}: WorkerFlags): Promise<void> {
  // Before a back end looks for its card.
  if (device !== undefined) Object.assign(process.env, deviceEnvironment(device, process.env));
  const output = createOutput(flags);
  const here = place.startsWith("s3:") ? ".limbeck" : place;
  const interrupt = takeInterrupts(() =>
    output.note("\nfinishing this step and giving the cell back; once more to stop at once"),
  );
  try {
    const counts = await runCellWorker({
      queue,
      store: () => openCellStore(place),
      catalogue: { methods, openDataset: (name) => openForCommand(name, output) },
      name: `${hostname()}-${process.pid}`,
      work: flags.work ?? join(here, "work"),
      prepared: join(here, "prepared"),
      leaseSeconds: lease,
      untilEmpty: untilEmpty === true,
      signal: interrupt.signal,
      onEvent: teller(output),
    });
    output.result(counts, `${counts.done} cells finished, ${counts.failed} failed`);
  } finally {
    interrupt.release();
  }
}

/** One line when a cell begins and ends, and now and then between. */
function teller(output: Output): (event: WorkerEvent) => void {
  let told = performance.now();
  return (event) => {
    if (event.kind === "progress") {
      if (performance.now() - told < LINE_INTERVAL * 1000) return;
      output.note(`${event.title} ${event.done}/${event.total} | loss ${threeDigits(event.loss)}`);
    } else if (event.kind === "note") output.note(event.text);
    else if (event.kind === "failed") output.note(`failed: ${event.title}: ${event.message}`);
    else if (event.kind === "done") output.note(`done: ${event.title}`);
    else output.note(`${event.adopted ? "going on with another worker's" : "begin"}: ${event.title}`);
    told = performance.now();
  };
}
