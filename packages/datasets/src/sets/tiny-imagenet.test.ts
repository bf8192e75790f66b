import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { patternPng } from "../../fixtures/image-files.ts";
import { pixelPattern } from "../../fixtures/pixel-pattern.ts";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { openFileTree } from "../io/file-tree.ts";
import { decodeTinyImageNet, tinyImageNet } from "./tiny-imagenet.ts";

const tmp = temporaryFolder();
const folder = join(tmp, "tiny-imagenet-200");
for (const path of ["train/n02/images", "train/n01/images", "val/images"])
  mkdirSync(join(folder, path), { recursive: true });
writeFileSync(join(folder, "wnids.txt"), "n02\nn01\n");
writeFileSync(join(folder, "words.txt"), "n01\tgoldfish, Carassius\nn02\tgreat crane\nn03\tother\n");
writeFileSync(join(folder, "train/n01/n01_boxes.txt"), "0 0 1 1");
writeFileSync(join(folder, "train/n02/images/n02_0.JPEG"), await patternPng(2, 64, 64, 3));
writeFileSync(join(folder, "train/n01/images/n01_0.JPEG"), await patternPng(0, 64, 64, 3));
writeFileSync(join(folder, "train/n01/images/n01_1.JPEG"), await patternPng(1, 64, 64, 1));
writeFileSync(join(folder, "val/images/val_0.JPEG"), await patternPng(3, 64, 64, 3));
writeFileSync(join(folder, "val/images/val_1.JPEG"), await patternPng(4, 64, 64, 3));
writeFileSync(
  join(folder, "val/val_annotations.txt"),
  "val_1.JPEG\tn02\t0\t0\t9\t9\nval_0.JPEG\tn01\t0\t0\t9\t9\n",
);

describe("decodeTinyImageNet", () => {
  const archive = join(tmp, "tiny-imagenet-200.zip");
  const files = filesBelow(folder).map((path): [string, Uint8Array] => [
    path.slice(tmp.length + 1),
    readFileSync(path),
  ]);
  writeFileSync(archive, zipSync(Object.fromEntries(files)));

  for (const path of [folder, archive]) {
    it(`reads the original layout from ${path === folder ? "a folder" : "a .zip"}`, async () => {
      const decoded = await decodeTinyImageNet(await openFileTree(path));
      expect(decoded.classes).toEqual(["goldfish", "great crane"]);
      const batches = [];
      for await (const batch of decoded.batches) batches.push(batch);
      expect(batches.map(({ split, labels }) => [split, Array.from(labels)])).toEqual([
        ["train", [0, 0, 1]],
        ["test", [1, 0]],
      ]);
      const size = 64 * 64 * 3;
      expect(batches[0]!.pixels.subarray(0, size)).toEqual(pixelPattern(1, size, 0));
      expect(batches[0]!.pixels[size + 5]).toBe(pixelPattern(1, 64 * 64, 1)[1]); // widened grey
      expect(batches[1]!.pixels.subarray(0, size)).toEqual(pixelPattern(1, size, 4));
    });
  }

  it("refuses what is not the whole set, and leaves nothing", async () => {
    const cacheFolder = join(tmp, "cache");
    const failure = failureOf(tinyImageNet({ dataFolder: tmp, cacheFolder, download: false }), tmp);
    expect(await failure).toMatch(
      /^DataError: tiny-imagenet: wanted 100000 train images, as many of each class, got 3 /,
    );
    expect(filesBelow(cacheFolder)).toEqual([]);
  });

  it("names a missing file and a class that is none", async () => {
    const broken = join(tmp, "broken");
    cpSync(folder, broken, { recursive: true });
    writeFileSync(join(broken, "val/val_annotations.txt"), "val_7.JPEG\tn01\n");
    expect(await failureOf(openFileTree(broken).then(decodeTinyImageNet), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/broken: wanted the file val/images/val_7.JPEG, got none"`,
    );
    writeFileSync(join(broken, "val/val_annotations.txt"), "val_0.JPEG\tn09\n");
    expect(await failureOf(openFileTree(broken).then(decodeTinyImageNet), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/broken/val/val_annotations.txt: wanted a class of wnids.txt, got "val_0.JPEG\\tn09""`,
    );
  });
});
