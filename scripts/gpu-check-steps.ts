import { join } from "node:path";

/** One command of the check; its last line of output is its result. */
export interface CheckStep {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Where what it prints is not one JSON line. */
  readonly text?: true;
}

export interface CheckPlan {
  /** Back ends to measure. */
  readonly backends: readonly string[];
  /** A Python whose PyTorch finds a CUDA card. */
  readonly torch: string | undefined;
  readonly quick: boolean;
  /** Arguments of node before those of `limbeck`. */
  readonly limbeck: readonly string[];
  /** `torch_workloads.py`. */
  readonly torchScript: string;
  /** Folder for the run. */
  readonly work: string;
}

/** What networks are made of, and quick even where a processor does a card's work. */
const QUICK_WORKLOADS = ["convolution", "convolution-in-input", "convolution-in-filter"];
const WORKLOADS = ["train-step", "attention-step", "gradient-step", "trajectory-step", ...QUICK_WORKLOADS];
const PRECISIONS = ["highest", "high", "default"] as const;

/** Everything after `doctor`, in order. The quick version has single convolutions for workloads, one precision, one run, a few iterations. */
export function checkSteps({ backends, torch, quick, limbeck, torchScript, work }: CheckPlan): CheckStep[] {
  const runs = quick ? "1" : "5";
  const ours = (name: string, ...args: string[]): CheckStep => ({
    name,
    program: process.execPath,
    args: [...limbeck, ...args],
  });
  const workloads = quick ? QUICK_WORKLOADS : WORKLOADS;
  const precisions = quick ? PRECISIONS.slice(0, 1) : PRECISIONS;
  const tolerances = ours(
    "backends",
    ...["perf", "backends", "--json", "--only", backends.join(","), ...(quick ? ["--quick"] : [])],
  );
  const perf = backends.flatMap((backend) =>
    precisions.flatMap((precision) =>
      workloads.map((name) =>
        ours(
          `${name} ${backend} ${precision}`,
          ...["perf", name, "--json", "--backend", backend, "--precision", precision, "--runs", runs],
        ),
      ),
    ),
  );
  const peers = (torch === undefined ? [] : workloads).map((name): CheckStep => ({
    name: `${name} pytorch`,
    program: torch!,
    args: [torchScript, name, "--threads", "4", "--runs", runs, "--device", "cuda"],
  }));
  return [
    tolerances,
    ...perf,
    ...peers,
    ...backends.flatMap((backend) => wholeRun(backend, quick, work, ours)),
  ];
}

/** DataDAM on the embedded data set and one evaluation of what it made. */
function wholeRun(
  backend: string,
  quick: boolean,
  work: string,
  ours: (name: string, ...args: string[]) => CheckStep,
): CheckStep[] {
  const out = join(work, backend);
  const size = quick
    ? ["--preset", "sample", "--iterations", "3"]
    : ["--ipc", "10", "--iterations", "300", "--set", "network=convnet3"];
  const engine = ["--backend", backend, "--quiet", "--json"];
  const evaluation = quick
    ? // Ten thousand test images: convolutions of a card's programs would take a processor a quarter of an hour.
      ["--network", "mlp-w64", "--protocol", "dsa-e2-v1"]
    : ["--network", "convnet3", "--protocol", "dsa-e300-v1"];
  return [
    ours(
      `datadam ${backend}`,
      "distill",
      "fashion-mnist",
      "--method",
      "datadam",
      ...size,
      "--out",
      out,
      ...engine,
    ),
    ours(
      `evaluation ${backend}`,
      "evaluate",
      join(out, "set.arrow"),
      ...evaluation,
      "--seeds",
      "0",
      ...engine,
    ),
  ];
}

/** What `doctor --json` says of a back end, as far as it matters here. */
export interface Examined {
  readonly name: string;
  readonly available: boolean;
  readonly accelerated: boolean;
}

/** Back ends on a graphics card; where there is none, `anyway` takes those that would use one, on the processor. */
export function gpuBackends(examined: readonly Examined[], anyway: boolean): string[] {
  const cards = examined.filter(({ accelerated }) => accelerated);
  const others = examined.filter(
    ({ name, available }) => available && ["tensorflow", "webgpu"].includes(name),
  );
  return (cards.length > 0 || !anyway ? cards : others).map(({ name }) => name);
}
