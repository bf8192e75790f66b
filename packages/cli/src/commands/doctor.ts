import { doctor, machineDescription, type BackendReport, type SelfTestReport } from "@limbeck/core";
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
      .option(
        "--self-test",
        "also check first and second derivatives on each back end against cpu and time a convolution (about ten seconds)",
      ),
  ).action(async (flags: OutputOptions & { selfTest?: true }) => {
    const output = createOutput(flags);
    const backends = await doctor({ selfTest: flags.selfTest === true });
    const machine = machineDescription();
    output.result({ machine, backends }, [machine, "", ...backends.map(describeBackend)].join("\n"));
    if (backends.some(({ selfTest }) => selfTest?.passed === false)) process.exitCode = 1;
  });
}

function describeBackend(report: BackendReport): string {
  const {
    name,
    available,
    reason,
    fix,
    version,
    device,
    threads,
    precisions,
    isa,
    memory,
    advice,
    selfTest,
  } = report;
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
  return [
    `✓ ${name.padEnd(11)} ${facts.join(" | ")}`,
    ...(advice === null ? [] : [`  ${advice}`]),
    ...(selfTest === undefined ? [] : [`  ${describeTest(selfTest)}`]),
  ].join("\n");
}

function describeTest(test: SelfTestReport): string {
  const { passed, firstDerivativeError, secondDerivativeError, tolerance, gigaflops, failure } = test;
  if (failure !== null) return `self-test failed: ${failure}`;
  const error = (value: number): string => value.toExponential(1);
  return (
    `self-test ${passed ? "passed" : "FAILED"}: first derivatives off by ${error(firstDerivativeError)}, second by ` +
    `${error(secondDerivativeError)}, allowed ${error(tolerance)}; convolution ${gigaflops.toPrecision(3)} GFLOP/s`
  );
}
