import { describe, expect, it } from "vitest";
import { cellId, type DistillCell, type EvaluateCell } from "../sweep/cell.ts";
import { WantedCells } from "./wanted-cells.ts";

const dataset = { open: "toy", sha256: "0" };
const engine = { backend: "cpu", precision: "highest", threads: 1 } as const;

function group(seed: number): { distill: DistillCell; evaluate: EvaluateCell[] } {
  const distill: DistillCell = { kind: "distill", method: "toy", config: { ipc: 1 }, dataset, seed, engine };
  const evaluate = ["mlp", "lenet"].map((network): EvaluateCell => ({
    kind: "evaluate",
    set: { kind: "cell", id: cellId(distill) },
    dataset,
    network,
    protocol: { id: "dc-v1", hash: "0" },
    seeds: [0],
    engine,
  }));
  return { distill, evaluate };
}

describe("WantedCells", () => {
  const set = { kind: "set", hash: "0", seconds: 1 } as const;

  it("gives a cell once, when what it needs is done", () => {
    const { distill, evaluate } = group(0);
    const wanted = new WantedCells({ groups: [{ distill, evaluate }] });
    expect([wanted.size, wanted.open]).toEqual([3, 3]);
    expect(wanted.takeReady().map(({ cell }) => cell)).toEqual([distill]);
    expect(wanted.takeReady()).toEqual([]);
    wanted.done(cellId(distill), set);
    wanted.done(cellId(distill), set);
    expect(wanted.takeReady().map(({ cell }) => cell)).toEqual(evaluate);
    expect(wanted.open).toBe(2);
    wanted.queueAgain();
    expect(wanted.takeReady()).toHaveLength(2);
    expect(wanted.queued()).toBe(2);
  });

  it("fails what needs a failed cell, and nothing else", () => {
    const groups = [group(0), group(1)];
    const wanted = new WantedCells({ groups });
    wanted.failed(cellId(groups[0]!.distill), "no");
    expect(wanted.open).toBe(3);
    expect([...wanted.values()].map(({ message }) => message)).toEqual([
      "no",
      ...Array.from({ length: 2 }, () => "its distillation failed"),
      ...Array.from({ length: 3 }, () => undefined),
    ]);
    expect(wanted.takeReady().map(({ cell }) => cell)).toEqual([groups[1]!.distill]);
  });
});
