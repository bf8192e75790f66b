import { expect, it } from "vitest";
import { perfTable } from "./perf-table.ts";

const ours = {
  name: "train-step",
  seconds: 0.2,
  peakBytes: 3e8,
  backend: "native",
  precision: "high",
  threads: 2,
};
const peer = { ...ours, seconds: 0.8, peakBytes: 9e8, backend: "pytorch" };

it("gives ratios of seconds, the rate and its part of the ceiling, and dashes for what is missing", () => {
  const rows = [
    {
      name: "train-step",
      multiplyAdds: 2e10,
      ours,
      peers: [peer, { name: "train-step", unavailable: "no wasm" }],
    },
  ];
  expect(perfTable(rows, ["PyTorch", "WASM"], { multiplyAdds: 2e11, bytes: 4e10 })).toMatchInlineSnapshot(`
    "| Workload | Limbeck, s | Peak, MB | GFLOP/s | Of the ceiling | PyTorch, s | Peak, MB | Ratio | WASM, s | Peak, MB | Ratio |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | train-step | 0.200 | 300 | 200 | 50 % | 0.800 | 900 | 4.00× | – | – | – |

    WASM, train-step: no wasm

    Ceilings measured: 400 GFLOP/s from registers, 40 GB/s to and from memory."
  `);
  expect(perfTable(rows, ["PyTorch", "WASM"])).not.toContain("ceiling");
});
