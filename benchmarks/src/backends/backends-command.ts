import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import {
  BACKEND_NAMES,
  commitHash,
  ConfigError,
  machineDescription,
  writeFileBeside,
  type BackendName,
} from "@limbeck/core";
import { Command } from "commander";
import { wholeNumber } from "../command-line/option-parsers.ts";
import { backendsMarkdown, withBackendsTable } from "./backends-markdown.ts";
import { compareBackends } from "./compare-backends.ts";

interface BackendsOptions {
  readonly only?: readonly BackendName[];
  readonly quick?: true;
  readonly threads?: number;
  readonly write?: string;
  readonly json?: true;
}

/** `perf backends`: what every back end computes, against `cpu`, as one table with stated tolerances. */
export function backendsCommand(): Command {
  return new Command("backends")
    .description(
      "first and second derivatives of the zoo and one step of every method on every back end, against cpu",
    )
    .option("--only <names>", `some of ${BACKEND_NAMES.join(", ")}, separated by commas`, backendList)
    .option("--quick", "about a quarter of the cases")
    .option("--threads <n>", "threads of each back end", wholeNumber(1))
    .option("--write <file>", "put the table between the markers of this markdown file too")
    .option("--json", "one JSON line")
    .action(backends);
}

async function backends({ only, quick, threads, write, json }: BackendsOptions): Promise<void> {
  const page = write === undefined ? undefined : readFileSync(write, "utf8");
  if (page !== undefined && withBackendsTable(page, "") === undefined) {
    throw new ConfigError(
      `${write}: wanted the markers <!-- backends:start --> and <!-- backends:end -->, found none; add them where the table goes`,
    );
  }
  const table = await compareBackends({
    ...(only === undefined ? {} : { backends: only }),
    ...(threads === undefined ? {} : { threads }),
    quick: quick === true,
    onBackend: ({ backend, reason, seconds }) =>
      process.stderr.write(`${backend}: ${reason ?? `${seconds.toFixed(0)} s of processor time`}\n`),
  });
  const markdown = backendsMarkdown(table);
  process.stdout.write(`${json === true ? JSON.stringify(table) : markdown}\n`);
  if (page !== undefined) {
    const commit = commitHash(dirname(fileURLToPath(import.meta.url)));
    const caption = `Measured ${new Date().toISOString().slice(0, 10)} at commit ${commit.slice(0, 12)} on ${machineDescription()}.`;
    writeFileBeside(write!, withBackendsTable(page, `${markdown}\n\n${caption}`)!);
  }
  if (table.problems.length > 0) process.exitCode = 1;
}

/** `native,wasm`. */
function backendList(text: string): BackendName[] {
  return text.split(",").map((word) => {
    const name = BACKEND_NAMES.find((known) => known === word.trim());
    if (name !== undefined) return name;
    throw new ConfigError(`perf backends: unknown back end "${word}"; known: ${BACKEND_NAMES.join(", ")}`);
  });
}
