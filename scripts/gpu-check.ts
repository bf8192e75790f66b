import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { commitHash, machineDescription, nvidiaCards } from "@limbeck/core";
import { checkSteps, gpuBackends, type CheckStep, type Examined } from "./gpu-check-steps.ts";
import { runCheckStep, type StepOutcome } from "./run-check-step.ts";

/**
 * Everything that a graphics card can be asked, in one go: doctor, the table of back ends, the four workloads at every precision on
 * every back end that uses a card, PyTorch beside them, a whole DataDAM run with its evaluation. Progress goes to standard
 * error; standard output is one JSON at the end. A step that fails is recorded and does not stop the others; exit code 1 then.
 *
 *   benchmarks/gpu-check [--quick] [--out FILE]
 *
 * `--quick` takes minutes on a processor, and measures the back ends on it where there is no card.
 */
const ROOT = join(import.meta.dirname, "..");
const TSX = ["--import", import.meta.resolve("tsx")];
const { values } = parseArgs({
  options: { quick: { type: "boolean", default: false }, out: { type: "string" } },
});

const work = mkdtempSync(join(tmpdir(), "limbeck-gpu-check-"));
try {
  const limbeck = [...TSX, join(ROOT, "packages", "cli", "src", "main.ts")];
  const outcomes: StepOutcome[] = [];
  const take = async (step: CheckStep): Promise<StepOutcome> => {
    const outcome = await runCheckStep(step);
    outcomes.push(outcome);
    console.error(
      `${outcome.ok ? "ok    " : "FAILED"} ${outcome.seconds.toFixed(0).padStart(5)} s  ${outcome.name}`,
    );
    return outcome;
  };
  const doctor = await take({
    name: "doctor",
    program: process.execPath,
    args: [...limbeck, "doctor", "--self-test", "--json"],
  });
  const examined = (doctor.result as { readonly backends?: readonly Examined[] } | null)?.backends ?? [];
  const backends = gpuBackends(examined, values.quick);
  if (backends.length === 0) {
    console.error(
      "gpu-check: no back end uses a graphics card here; see docs/gpu.md, or try --quick on the processor",
    );
  }
  const torch = torchWithCuda();
  const torchScript = join(ROOT, "benchmarks", "src", "perf", "peers", "torch_workloads.py");
  const plan = { backends, torch: torch.python, quick: values.quick, limbeck, torchScript, work };
  if (backends.length > 0) for (const step of checkSteps(plan)) await take(step);
  const report = JSON.stringify({
    format: 1,
    date: new Date().toISOString(),
    commit: commitHash(ROOT),
    machine: machineDescription(),
    quick: values.quick,
    nvidia: nvidiaCards(),
    backends: examined.filter(({ name }) => backends.includes(name)),
    torch: torch.python === undefined ? { unavailable: torch.reason } : { python: torch.python },
    failed: outcomes.filter(({ ok }) => !ok).map(({ name }) => name),
    steps: outcomes,
  });
  if (values.out !== undefined) writeFileSync(values.out, `${report}\n`);
  console.log(report);
  if (backends.length === 0 || outcomes.some(({ ok }) => !ok)) process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

function torchWithCuda(): { readonly python?: string; readonly reason: string } {
  const python = process.env["LIMBECK_PYTHON"] || "python3";
  try {
    const program = "import torch; print(torch.cuda.is_available())";
    const answer = execFileSync(python, ["-c", program], { encoding: "utf8", stdio: "pipe" }).trim();
    return answer === "True"
      ? { python, reason: "" }
      : { reason: `the PyTorch of ${python} finds no CUDA card` };
  } catch {
    return { reason: `${python} has no PyTorch` };
  }
}
