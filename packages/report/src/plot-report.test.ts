import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { plotReport } from "./plot-report.ts";
import { collectToy, recordLine, temporaryFolder, writeRun } from "./testing/report-folder.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => void (folder = temporaryFolder()));
afterEach(() => folder.remove());

const records = [
  recordLine({ method: "dm", dataset: "cifar10", ipc: 10 }),
  recordLine({ method: "datadam_x", dataset: "cifar10", ipc: 10, accuracy: [54, 55, 56] }),
  recordLine({ method: "dm", dataset: "cifar10", ipc: 50, accuracy: [60, 61, 62] }),
  recordLine({ method: "dm", dataset: "mnist", seeds: [0], accuracy: [97] }),
];

async function collected() {
  writeFileSync(join(folder.path, "records.jsonl"), records.join(""));
  writeRun(join(folder.path, "run"), 8);
  return collectToy(folder.path, { withoutImages: true });
}

test("an SVG stands alone: marks at their places, a legend, no style sheet", async () => {
  const svg = (await plotReport(await collected(), "accuracy-ipc", "svg")).toString();
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="480" height="\d+"/);
  expect(svg).not.toMatch(/currentColor|<style|var\(/);
  expect(svg).toContain(">datadam_x</text>");
  // The group with the most records, mnist left out; published values of the same network beside them.
  expect(svg).toContain(">mtt</text>");
  const dots = svg.slice(svg.lastIndexOf('aria-label="dot"')).split("</g>")[0]!;
  expect(dots.match(/<path/g)).toHaveLength(3);
});

test("a PDF is a PDF of that size", async () => {
  const pdf = await plotReport(await collected(), "loss", "pdf");
  expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
  expect(pdf.toString("latin1")).toContain("/MediaBox [0 0 480 300]");
  expect(pdf.subarray(-6).toString()).toContain("%%EOF");
});

test("a LaTeX table: the best and what is within noise of it are bold, nothing is a command", async () => {
  const tex = (await plotReport(await collected(), "table", "tex")).toString();
  expect(tex.split("\n").slice(5, 10)).toEqual([
    "cifar10 & 10 & dm & convnet3 & dsa-v1 & $51.0 \\pm 1.0$ & 3 \\\\",
    "cifar10 & 10 & datadam\\_x & convnet3 & dsa-v1 & $\\mathbf{55.0 \\pm 1.0}$ & 3 \\\\",
    "cifar10 & 50 & dm & convnet3 & dsa-v1 & $\\mathbf{61.0 \\pm 1.0}$ & 3 \\\\",
    "mnist & 2 & dm & convnet3 & dsa-v1 & $\\mathbf{97.0}$ & 1 \\\\",
    "\\bottomrule",
  ]);
});

test("wrong charts, endings and choices are named", async () => {
  const data = await collected();
  await expect(plotReport(data, "pie", "svg")).rejects.toThrow(
    'plot: unknown chart "pie"; known: accuracy-ipc, accuracy-bytes, accuracy-seconds, loss, table',
  );
  await expect(plotReport(data, "table", "svg")).rejects.toThrow(
    "plot: table is written as tex, got a file ending in .svg",
  );
  await expect(plotReport(data, "accuracy-ipc", "svg", { dataset: "svhn" })).rejects.toThrow(
    'plot: wanted records that fit {"dataset":"svhn"}, got none of 4',
  );
});
