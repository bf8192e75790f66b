import { doctor, machineDescription, type BackendReport } from "@limbeck/core";
import type { Command } from "commander";
import { withOutputOptions } from "../common-options.ts";
import { createOutput, type OutputOptions } from "../output.ts";
import { formatBytes } from "../units.ts";

/** `limbeck doctor`: which back ends this machine has, and why not the others. */
export function registerDoctor(program: Command): void {
  withOutputOptions(
    program
      .command("doctor")
      .description("say which back ends this machine has, and why not the others")
      .option("--self-test", "also check derivatives on each back end and time a convolution"),
  ).action(async (flags: OutputOptions & { selfTest?: true }) => {
    const output = createOutput(flags);
    const backends = await doctor({ selfTest: flags.selfTest === true });
    const machine = machineDescription();
    output.result({ machine, backends }, [machine, "", ...backends.map(describeBackend)].join("\n"));
  });
}

function describeBackend(report: BackendReport): string {
  const { name, available, reason, fix, version, device, threads, precisions, isa, memory, selfTest } =
    report;
  if (!available) return `✗ ${name.padEnd(11)} ${reason}; ${fix}`;
  const facts = [
    version,
    device,
    isa === null || isa === "none" ? null : isa,
    threads === null ? null : `${threads} ${threads === 1 ? "thread" : "threads"}`,
    memory === null ? null : formatBytes(memory),
    precisions === null
      ? null
      : `precision ${Object.entries(precisions)
          .map(([key, value]) => `${key}: ${value}`)
          .join(", ")}`,
  ].filter((fact) => fact !== null);
  const test = selfTest === undefined ? [] : [`  self-test ${JSON.stringify(selfTest)}`];
  return [`✓ ${name.padEnd(11)} ${facts.join(" | ")}`, ...test].join("\n");
}
