import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { hashSyntheticSet, integers, foldIn, keyFromSeed, readRun, readSet } from "@limbeck/core";
import { expect, test } from "vitest";
import { limbeck, startLimbeck, temporaryFolder, type Finished } from "./limbeck-process.ts";
import { writePictureFolder } from "./picture-folder.ts";

const STEPS = 24;
/** Steps that a first process has surely left a checkpoint behind. */
const EARLIEST = 5;
/** Three experts, six epochs each and where they start. */
const EXPERT_FILES = 3 * (6 + 1);

function distillArguments(method: string, folder: string): string[] {
  const config = [
    "--ipc",
    "1",
    "--iterations",
    String(STEPS),
    "--set",
    "network=convnet3-w16",
    "--set",
    "realBatch=8",
  ];
  return [
    "distill",
    "fashion-mnist",
    "--method",
    method,
    ...config,
    "--seed",
    "3",
    "--out",
    folder,
    "--checkpoint-every",
    "3",
  ];
}

/** Starts a run and kills it with SIGKILL soon after it has logged `step`. @returns Whether it was killed in time. */
function killAfter(step: number, args: readonly string[], folder: string): Promise<Finished> {
  const events = join(folder, "events.jsonl");
  return killOnce(() => existsSync(events) && readFileSync(events, "utf8").includes(`"step":${step},`), args);
}

/** Starts a run and kills it with SIGKILL as soon as `due` says so. */
async function killOnce(due: () => boolean, args: readonly string[]): Promise<Finished> {
  const { child, finished } = startLimbeck([...args, "--resume"]);
  const poll = setInterval(() => {
    if (due()) child.kill("SIGKILL");
  }, 2);
  try {
    return await finished;
  } finally {
    clearInterval(poll);
  }
}

// Another pair of steps each day would be as good: these are drawn once, so that a failure can be repeated.
test.each(["dm", "datadam"])(
  "%s killed twice at random steps and resumed ends with the same bits",
  async (method) => {
    const folder = temporaryFolder();
    const [straight, killed] = [join(folder, "straight"), join(folder, "killed")];
    const undisturbed = await limbeck(distillArguments(method, straight));
    expect(undisturbed.code, undisturbed.stderr).toBe(0);

    const [a, b] = [...integers(foldIn(keyFromSeed("kill"), method), 2, EARLIEST, STEPS - 6)].sort(
      (x, y) => x - y,
    );
    const kills = [await killAfter(a!, distillArguments(method, killed), killed)];
    expect(existsSync(join(killed, "set.arrow"))).toBe(false);
    kills.push(await killAfter(b! + 2, distillArguments(method, killed), killed));
    expect(kills.map(({ signal }) => signal)).toEqual(["SIGKILL", "SIGKILL"]);

    const resumed = await limbeck([...distillArguments(method, killed), "--resume", "--json"]);
    expect(resumed.code, resumed.stderr).toBe(0);
    const [wanted, got] = [readSet(join(straight, "set.arrow")), readSet(join(killed, "set.arrow"))];
    expect(got.images).toEqual(wanted.images);
    expect(hashSyntheticSet(got)).toBe(hashSyntheticSet(wanted));
    expect(JSON.parse(resumed.stdout)).toMatchObject({ hash: hashSyntheticSet(wanted), size: 10 });
    expect(losses(killed)).toEqual(losses(straight));
    // It was resumed and not begun again: each process starts where a checkpoint was.
    const starts = readRun(killed).events.flatMap((event) => (event.kind === "start" ? [event.step] : []));
    expect(starts[0]).toBe(0);
    expect(starts.at(-1)).toBeGreaterThanOrEqual(EARLIEST - 3);
  },
);

test("mtt killed while it trains experts, and again while it matches, ends with the same bits", async () => {
  const folder = temporaryFolder();
  const pictures = join(folder, "pictures");
  await writePictureFolder(pictures, 32);
  const settings = [
    "network=convnet2-w32",
    "experts=3",
    "expertEpochs=6",
    "expertBatch=2",
    "maxStartEpoch=3",
    "innerSteps=5",
  ];
  const args = (run: string): string[] => [
    ...["distill", pictures, "--method", "mtt", "--ipc", "1", "--iterations", String(STEPS), "--seed", "3"],
    ...settings.flatMap((setting) => ["--set", setting]),
    ...["--out", run, "--checkpoint-every", "3"],
  ];
  // Folders of their own: what is prepared lies beside a run.
  const [straight, killed] = [join(folder, "straight", "run"), join(folder, "killed", "run")];
  const undisturbed = await limbeck(args(straight));
  expect(undisturbed.code, undisturbed.stderr).toBe(0);

  const prepared = join(folder, "killed", "prepared");
  const parts = (): string[] => (existsSync(prepared) ? readdirSync(prepared) : []);
  const kills = [await killOnce(() => parts().length >= 5, args(killed))];
  const first = parts().filter((name) => name.endsWith(".safetensors"));
  expect(existsSync(join(killed, "events.jsonl"))).toBe(false);
  const written = first.map((name) => statSync(join(prepared, name)).mtimeMs);
  kills.push(await killAfter(EARLIEST, args(killed), killed));
  expect(kills.map(({ signal }) => signal)).toEqual(["SIGKILL", "SIGKILL"]);

  const resumed = await limbeck([...args(killed), "--resume"]);
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(readSet(join(killed, "set.arrow")).images).toEqual(readSet(join(straight, "set.arrow")).images);
  expect(losses(killed)).toEqual(losses(straight));
  // What was finished before the first kill was not trained again.
  expect(first.map((name) => statSync(join(prepared, name)).mtimeMs)).toEqual(written);
  expect(parts().length).toBe(EXPERT_FILES);
});

function losses(folder: string): number[] {
  return readRun(folder).events.flatMap((event) => (event.kind === "step" ? [event.loss] : []));
}

test("a run folder is refused to a second writer, and a finished run without --resume", async () => {
  const folder = join(temporaryFolder(), "run");
  const args = distillArguments("dm", folder);
  const long = args.map((arg) => (arg === String(STEPS) ? "100000" : arg));
  const first = startLimbeck(long);
  await first.sees(/dm \d+\/100000/);
  const second = await limbeck([...long, "--resume"]);
  expect(second.stderr).toMatch(/process \d+ is writing this run folder/);
  expect(second.code).toBe(1);
  first.child.kill("SIGINT");
  expect((await first.finished).code).toBe(130);
  const third = await limbeck(long);
  expect(third.stderr).toMatch(/already holds an unfinished run of dm; resume it or choose another folder/);
  expect(third.code).toBe(1);
});
