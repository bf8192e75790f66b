import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { sourceIdentity } from "../cache/source-identity.ts";
import { testDataset } from "../testing/test-dataset.ts";
import { fashionMnist, fashionMnistSet } from "./fashion-mnist.ts";

const tmp = temporaryFolder();
const cacheFolder = join(tmp, "cache");

describe("fashionMnist, embedded", () => {
  testDataset(
    {
      open: () => fashionMnist({ cacheFolder }),
      shape: [28, 28, 1],
      counts: { train: 6000, test: 1000 },
      classes: 10,
    },
    it,
  );

  it("is the published set", async () => {
    const dataset = await fashionMnist({ cacheFolder });
    expect([...dataset.train.labels.slice(0, 10)]).toEqual([9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
    expect(dataset.classes[9]).toBe("Ankle boot");
    expect(dataset.normalisation).toEqual({ kind: "mean-std", mean: [0.2861], std: [0.353] });
    expect(dataset.sha256).toBe("7bb6443a4233628fef4b66036d61925b174cc9f214c68745531d69af8e087c5a");
    expect(dataset.mirrorInvariant).toBe(true);
  });

  it("has the published mean and deviation in its cache", () => {
    const [path] = filesBelow(cacheFolder);
    const text = readFileSync(path!).subarray(-20_000).toString("latin1");
    const [, mean, std] = /"mean":\[([\d.]+)\],"std":\[([\d.]+)\]/.exec(text)!;
    expect(Number(mean)).toBeCloseTo(0.28604, 5);
    expect(Number(std)).toBeCloseTo(0.35302, 5);
  });

  it("refuses files with another checksum", async () => {
    const found = await fashionMnistSet.find("");
    const folder = join(tmp, "copy");
    cpSync(found!.path, folder, { recursive: true });
    const path = join(folder, "t10k-labels-idx1-ubyte.gz");
    const bytes = readFileSync(path);
    bytes[4]! ^= 1; // only the time stamp in the gzip header: the content stays readable
    writeFileSync(path, bytes);
    const files = (await found!.files()).map((file) => ({
      ...file,
      path: file.path.replace(found!.path, folder),
    }));
    expect(await failureOf(sourceIdentity(files), folder)).toMatchInlineSnapshot(
      `"DataError: TMP/t10k-labels-idx1-ubyte.gz: wanted SHA-256 8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05, got bc7148fb8b727418e103bd42c539d28d85eb0cb094af2d2f3e39d78bdbcca379; the file is damaged or another one: delete it and get it again"`,
    );
  });
});
