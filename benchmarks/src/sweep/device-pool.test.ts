import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { CELL_FORMAT, type Cell } from "./cell.ts";
import { createProcessRunner } from "./cell-process.ts";
import { checkDevices, createDevicePool, deviceEnvironment, parseDevices } from "./device-pool.ts";

test("each process of a cell sees a card of its own, and the card is free again after it", async () => {
  const root = mkdtempSync(join(tmpdir(), "limbeck-devices-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  // Runs in each process before all else, and ends it.
  const probe = join(root, "probe.mjs");
  const told = `[process.env.CUDA_VISIBLE_DEVICES, process.env.CUDA_DEVICE_ORDER].join(" ")`;
  writeFileSync(
    probe,
    `import { writeFileSync } from "node:fs";
writeFileSync(${JSON.stringify(`${root}/env-`)} + process.pid, ${told});
process.exit(7);
`,
  );
  const places = { store: join(root, "s"), work: join(root, "w"), prepared: join(root, "p") };
  const runner = createProcessRunner(
    places,
    ["--import", pathToFileURL(probe).href],
    createDevicePool([3, 5]),
  );
  const cell = { format: CELL_FORMAT } as unknown as Cell;
  const both = await Promise.allSettled([runner(cell), runner(cell)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const seen = (): string[] =>
    readdirSync(root)
      .filter((name) => name.startsWith("env-"))
      .map((name) => readFileSync(join(root, name), "utf8"))
      .sort();
  expect(seen()).toEqual(["3 PCI_BUS_ID", "5 PCI_BUS_ID"]);
  const three = await Promise.allSettled([runner(cell), runner(cell), runner(cell)]);
  expect(three.map((each) => (each.status === "rejected" ? (each.reason as Error).message : ""))[2]).toBe(
    "sweep: wanted at most one job a device, all of 3, 5 are in use; lower --jobs or name more --devices",
  );
  expect(seen()).toHaveLength(4);
});

test("cards count within those that are visible", () => {
  expect(deviceEnvironment(1, {})).toMatchObject({ CUDA_VISIBLE_DEVICES: "1" });
  expect(deviceEnvironment(1, { CUDA_VISIBLE_DEVICES: "4, 6" })).toMatchObject({
    CUDA_VISIBLE_DEVICES: "6",
  });
  expect(() => deviceEnvironment(2, { CUDA_VISIBLE_DEVICES: "4,6" })).toThrow(
    "--devices: wanted device 2, CUDA_VISIBLE_DEVICES=4,6 shows 2; name others, or unset it",
  );
});

test("lists of cards that make no sense", () => {
  expect(parseDevices("0, 2")).toEqual([0, 2]);
  for (const text of ["", "0,,1", "1,1", "-1", "gpu0", "1.5"]) {
    expect(() => parseDevices(text)).toThrow(
      `--devices: wanted distinct numbers of graphics cards such as 0,1, got "${text}"; \`nvidia-smi -L\` lists them`,
    );
  }
  const good = { backend: "tensorflow", isa: "cuda", jobs: 2, cards: 2 };
  expect(() => checkDevices([0, 1], good)).not.toThrow();
  expect(() => checkDevices([0, 7], { ...good, cards: undefined })).not.toThrow();
  expect(() => checkDevices([0, 1], { ...good, backend: "native", isa: "avx512" })).toThrow(
    "--devices: wanted a back end on graphics cards, native computes on the processor here; leave --devices out, or see `limbeck doctor`",
  );
  expect(() => checkDevices([0, 1], { ...good, backend: "webgpu", isa: "webgpu" })).toThrow(
    "--devices: wanted a back end that takes a card by its number, webgpu takes the fastest; leave --devices out, or use tensorflow",
  );
  expect(() => checkDevices([0], good)).toThrow("got --jobs 2 for 1; lower --jobs or name more devices");
  expect(() => checkDevices([0, 2], good)).toThrow(
    "wanted cards from 0 to 1, which this machine has, got 2; leave it out",
  );
});
