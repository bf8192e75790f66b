import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { limbeck, temporaryFolder, type Finished } from "./limbeck-process.ts";
import { writePicture, writePictureFolder } from "./picture-folder.ts";

/** A run of seconds on the smallest network, on the back end that every machine has. */
const TINY = [
  "--method",
  "dm",
  "--preset",
  "sample",
  "--backend",
  "cpu",
  "--iterations",
  "1",
  "--set",
  "realBatch=2",
];

/** One clear message, the right exit code, nothing on stdout. */
function expectRefused({ code, stdout, stderr }: Finished, exitCode: 1 | 2, message: RegExp): void {
  expect.soft(stderr).toMatch(message);
  expect.soft(stderr).not.toMatch(/\n\s+at /);
  expect.soft(stdout).toBe("");
  expect(code).toBe(exitCode);
}

/** Names of everything under a folder. */
function tree(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String).sort() : [];
}

describe("wrong words", () => {
  test.each([
    [
      "method",
      ["distill", "fashion-mnist", "--method", "dn"],
      /unknown method "dn"; known: .*\bdatadam, .*\bdm, /,
    ],
    ["data set", ["distill", "fashion-mnits", "--method", "dm", "--ipc", "1"], /fashion-mnits/],
    [
      "preset",
      ["distill", "fashion-mnist", "--method", "dm", "--preset", "huge"],
      /unknown preset "huge"; known: .*sample/,
    ],
    ["network", ["distill", "fashion-mnist", ...TINY, "--set", "network=convnot3"], /convnot3/],
    [
      "back end",
      ["distill", "fashion-mnist", "--method", "dm", "--preset", "sample", "--backend", "abacus"],
      /unknown back end "abacus"; known: auto, cpu/,
    ],
    ["precision", ["distill", "fashion-mnist", ...TINY, "--precision", "some"], /unknown precision "some"/],
    [
      "key",
      ["distill", "fashion-mnist", ...TINY, "--set", "iterationz=3"],
      /dm config: .*Unrecognized key: "iterationz"/,
    ],
    ["protocol", ["evaluate", "no.arrow", "--protocol", "fast"], /protocol: unknown "fast"; known: dc-v1/],
    ["export format", ["export", "no.arrow", "--format", "gif"], /--format/],
    ["import format", ["import", "x", "--dataset", "mnist", "-o", "out", "--format", "gif"], /--format/],
    [
      "queue",
      ["worker", "--queue", "http://u:hunter2@h", "--store", "."],
      /^limbeck: --queue: wanted an address such as/,
    ],
    [
      "choice between two back ends",
      ["distill", "fashion-mnist", ...TINY, "--backend", "native"],
      /asked for "cpu" before, now for "native"; a process computes on one back end/,
    ],
    ["workload", ["perf", "nap-step"], /unknown workload "nap-step"/],
    ["option", ["distill", "fashion-mnist", "--metod", "dm"], /unknown option '--metod'/],
    ["command", ["destill"], /unknown command 'destill'/],
  ])("unknown %s", async (_, args, message) => {
    const cwd = temporaryFolder();
    expectRefused(await limbeck(args, { cwd }), 2, message);
    expect(tree(cwd)).toEqual([]);
  });

  test.each([
    ["ipc 0", ["--ipc", "0"], /ipc|--ipc/],
    ["negative step size", ["--set", "imageLearningRate=-1"], /imageLearningRate/],
    ["text for a number", ["--set", "realBatch=many"], /realBatch/],
    ["threads 0", ["--threads", "0"], /--threads/],
    ["no key", ["--set", "=3"], /--set: wanted key=value/],
    ["seeds backwards", [], /wanted seeds such as 0-4/],
  ])("out of range: %s", async (name, extra, message) => {
    const cwd = temporaryFolder();
    const args =
      name === "seeds backwards"
        ? ["evaluate", "no.arrow", "--seeds", "4-0"]
        : ["distill", "fashion-mnist", ...TINY, ...extra];
    expectRefused(await limbeck(args, { cwd }), 2, message);
    expect(tree(cwd)).toEqual([]);
  });

  test("more images per class than there are", async () => {
    const cwd = temporaryFolder();
    await writePictureFolder(join(cwd, "pictures"), 4);
    expectRefused(
      await limbeck(["distill", "pictures", ...TINY, "--ipc", "5", "--out", "run"], { cwd }),
      1,
      /4.*5|5.*4/,
    );
    expect(existsSync(join(cwd, "run", "set.arrow"))).toBe(false);
  });

  test("a configuration file with an unknown key", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "c.yaml"), "method: dm\nipcs: 3\n");
    expectRefused(
      await limbeck(["distill", "fashion-mnist", "--config", "c.yaml"], { cwd }),
      2,
      /c\.yaml: .*"ipcs"/,
    );
  });
});

describe("a run", () => {
  test("whose disk takes no more leaves no half-written file", async () => {
    const cwd = temporaryFolder();
    await writePictureFolder(join(cwd, "pictures"));
    // Decoded beforehand: the cache is not what fails here.
    expect((await limbeck(["distill", "pictures", ...TINY, "--dry-run"], { cwd })).code).toBe(0);
    const args = ["distill", "pictures", ...TINY, "--out", "run"];
    expectRefused(await limbeck(args, { cwd, fileBlocks: 5 }), 1, /run\S* could not be written/);
    const left = tree(join(cwd, "run"));
    expect(left).not.toContain("set.arrow");
    expect(left.filter((name) => name.endsWith(".part") || name.endsWith(".lock"))).toEqual([]);
    const resumed = await limbeck([...args, "--resume"], { cwd });
    expect(resumed.code, resumed.stderr).toBe(0);
  });

  test("whose loss is not finite stops at that step, names it and keeps the checkpoint", async () => {
    const cwd = temporaryFolder();
    await writePictureFolder(join(cwd, "pictures"));
    const args = [
      "distill",
      "pictures",
      ...TINY,
      "--iterations",
      "9",
      "--set",
      "imageLearningRate=1e39",
      "--out",
      "run",
    ];
    const finished = await limbeck([...args, "--checkpoint-every", "1"], { cwd });
    expectRefused(finished, 1, /dm step [1-9] of 9: .* not finite/);
    expect(tree(join(cwd, "run"))).not.toContain("set.arrow");
  });
});

test("a truncated data file is named", async () => {
  const cwd = temporaryFolder();
  const folder = join(cwd, "data", "cifar-10-batches-bin");
  mkdirSync(folder, { recursive: true });
  for (const name of [
    "data_batch_1",
    "data_batch_2",
    "data_batch_3",
    "data_batch_4",
    "data_batch_5",
    "test_batch",
  ]) {
    writeFileSync(join(folder, `${name}.bin`), new Uint8Array(1000));
  }
  const env = { LIMBECK_DATA: join(cwd, "data"), LIMBECK_CACHE: join(cwd, "cache") };
  const finished = await limbeck(["distill", "cifar10", ...TINY, "--out", "run"], { cwd, env });
  expectRefused(finished, 1, /data_batch_1\.bin.*1000/);
  expect(tree(cwd).filter((name) => name.endsWith(".arrow") || name.startsWith("run"))).toEqual([]);
});

describe("a folder of pictures", () => {
  const cases: [string, (folder: string) => Promise<void> | void, RegExp][] = [
    ["an empty file", (f) => writeFileSync(join(f, "train", "left", "0.png"), ""), /left.0\.png/],
    [
      "an unreadable file",
      (f) => writeFileSync(join(f, "train", "left", "0.png"), "not a picture"),
      /left.0\.png/,
    ],
    [
      "a truncated file",
      (f) => {
        const path = join(f, "train", "left", "0.png");
        writeFileSync(path, readFileSync(path).subarray(0, 60));
      },
      /left.0\.png/,
    ],
    [
      "grey among colour",
      (f) => writePicture(join(f, "train", "left", "0.png"), () => 99, { grey: true }),
      /left.0\.png/,
    ],
    [
      "an empty class",
      (f) => {
        for (const name of readdirSync(join(f, "train", "top"))) rmSync(join(f, "train", "top", name));
      },
      /top/,
    ],
  ];
  test.each(cases)("%s", async (_, spoil, message) => {
    const cwd = temporaryFolder();
    await writePictureFolder(join(cwd, "pictures"));
    await spoil(join(cwd, "pictures"));
    const env = { LIMBECK_CACHE: join(cwd, "cache") };
    const finished = await limbeck(["distill", "pictures", ...TINY, "--out", "run"], { cwd, env });
    expectRefused(finished, 1, message);
    expect(tree(join(cwd, "run"))).toEqual([]);
    expect(tree(join(cwd, "cache")).filter((name) => name.endsWith(".arrow"))).toEqual([]);
  });
});

describe("a set", () => {
  let good: string;
  beforeAll(async () => {
    const { mkdtempSync } = await import("node:fs");
    const { tmpdir } = await import("node:os");
    const folder = mkdtempSync(join(tmpdir(), "limbeck-set-"));
    await writePictureFolder(join(folder, "pictures"));
    const finished = await limbeck(["distill", "pictures", ...TINY, "--out", "run"], { cwd: folder });
    expect(finished.stderr + finished.stdout).toContain("set.arrow");
    good = join(folder, "run", "set.arrow");
    return () => rmSync(folder, { recursive: true });
  }, 240_000);

  test.each<[string, (path: string) => void, RegExp]>([
    ["truncated", (path) => truncateSync(path, 1000), /set\.arrow: .*truncated/],
    ["not ours", (path) => writeFileSync(path, "P6 1 1 255"), /set\.arrow: wanted a synthetic set/],
    ["damaged", flipByte, /set\.arrow: .*(damaged|checksum)/],
  ])("%s", async (_, spoil, message) => {
    const cwd = temporaryFolder();
    const path = join(cwd, "set.arrow");
    copyFileSync(good, path);
    spoil(path);
    const finished = await limbeck(["export", path, "--format", "parquet", "--out", join(cwd, "out")], {
      cwd,
    });
    expectRefused(finished, 1, message);
    expect(tree(cwd)).toEqual(["set.arrow"]);
  });

  test("a set of another data set is not evaluated", async () => {
    const finished = await limbeck(
      ["evaluate", good, "--dataset", "fashion-mnist", "--network", "convnet3-w16"],
      {
        cwd: temporaryFolder(),
      },
    );
    expectRefused(finished, 2, /shape|classes/);
  });

  test("nothing is written into a folder that is in the way", async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, "out"));
    writeFileSync(join(cwd, "out", "mine.txt"), "keep");
    const finished = await limbeck(["export", good, "--format", "imagefolder", "--out", join(cwd, "out")], {
      cwd,
    });
    expectRefused(finished, 1, /out/);
    expect(tree(join(cwd, "out"))).toEqual(["mine.txt"]);
  });
});

function flipByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 0xff;
  writeFileSync(path, bytes);
}
