import { cpSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { damageFiles } from "../../fixtures/damage-file.ts";
import { patternPng, writePatternImages } from "../../fixtures/image-files.ts";
import { pixelPattern } from "../../fixtures/pixel-pattern.ts";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import type { DatasetEvent } from "../cache/open-cached.ts";
import { testDataset } from "../testing/test-dataset.ts";
import { imageFolder, type ImageFolderOptions } from "./image-folder.ts";

const tmp = temporaryFolder();
const cacheFolder = join(tmp, "cache");
const divided = join(tmp, "divided");
// Written in an order that is not the one they are read in; index i of this list is pattern i.
const dividedPaths = [
  "train/dog/b.png",
  "train/dog/a.png",
  "train/cat/deep/z.png",
  "train/cat/a.png",
  "test/cat/1.png",
  "test/dog/1.png",
];
await writePatternImages(divided, dividedPaths, [6, 5, 3]);
writeFileSync(join(divided, "train/dog/notes.txt"), "not an image");
writeFileSync(join(divided, "train/cat/.DS_Store"), "junk");

const colour = await patternPng(0, 6, 6, 3);
const grey = await patternPng(1, 6, 6, 1);

const whole = join(tmp, "whole");
const wholePaths = ["A", "B", "C"].flatMap((name) =>
  Array.from({ length: 10 }, (_, i) => `${name}/${i}.png`),
);
await writePatternImages(whole, wholePaths, [6, 5, 3]);

describe("imageFolder, train and test", () => {
  const own = join(tmp, "own");
  testDataset(
    {
      open: () => imageFolder(divided, { cacheFolder: own }),
      damageCache: () => damageFiles(join(own, "datasets")),
      shape: [6, 5, 3],
      counts: { train: 2, test: 1 },
      classes: 2,
    },
    it,
  );

  it("orders classes by name and images by path, with the very pixels", async () => {
    const { classes, train, test, name, normalisation } = await imageFolder(divided, { cacheFolder });
    expect(name).toBe("divided");
    expect(classes).toEqual(["cat", "dog"]);
    expect([...train.labels]).toEqual([0, 0, 1, 1]);
    for (const [position, pattern] of [3, 2, 1, 0].entries()) {
      expect(train.read([position])).toEqual(pixelPattern(1, 90, pattern));
    }
    expect(test.read([1])).toEqual(pixelPattern(1, 90, 5));
    expect(normalisation).toMatchObject({ kind: "mean-std" });
  });

  it("reads the same set from a .zip", async () => {
    const files = Object.fromEntries(
      dividedPaths.map((path) => [`divided/${path}`, new Uint8Array(readFileSync(join(divided, path)))]),
    );
    const archive = join(tmp, "divided.zip");
    writeFileSync(archive, zipSync({ ...files, "__MACOSX/x": Uint8Array.of(1) }));
    const zipped = await imageFolder(archive, { cacheFolder });
    expect(zipped.sha256).toBe((await imageFolder(divided, { cacheFolder })).sha256);
    expect(zipped.name).toBe("divided");
  });
});

describe("imageFolder, one folder of classes", () => {
  const open = (options: ImageFolderOptions = {}) => imageFolder(whole, { cacheFolder, ...options });
  /** Pattern numbers of the test split, found by comparing pixels. */
  const testPatterns = async (options: ImageFolderOptions = {}): Promise<number[]> => {
    const { test } = await open(options);
    return Array.from({ length: test.size }, (_, i) => {
      const pixels = test.read([i]);
      return wholePaths.findIndex((_, pattern) => Buffer.from(pixelPattern(1, 90, pattern)).equals(pixels));
    });
  };

  testDataset(
    {
      open,
      shape: [6, 5, 3],
      counts: { train: 8, test: 2 },
      classes: 3,
    },
    it,
  );

  it("divides each class by the seed, the same way every time", async () => {
    const first = await testPatterns();
    expect(first).toMatchInlineSnapshot(`
      [
        2,
        5,
        13,
        19,
        20,
        22,
      ]
    `);
    expect(await testPatterns({ rebuild: true })).toEqual(first);
    expect(await testPatterns({ seed: 1 })).not.toEqual(first);
    const { train, test } = await open({ testFraction: 0.5 });
    expect([train.size, test.size]).toEqual([15, 15]);
  });

  it("keeps one image of each class on either side", async () => {
    const few = await open({ testFraction: 0.01 });
    expect([few.train.size, few.test.size]).toEqual([27, 3]);
    const many = await open({ testFraction: 0.99 });
    expect([many.train.size, many.test.size]).toEqual([3, 27]);
  });
});

describe("image files", () => {
  let number = 0;
  const folderOf = (files: Readonly<Record<string, Uint8Array>>): string => {
    const folder = join(tmp, `set${number++}`);
    for (const [path, bytes] of Object.entries(files)) {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    }
    return folder;
  };
  const fails = async (files: Readonly<Record<string, Uint8Array>>, options: ImageFolderOptions = {}) => {
    const folder = folderOf(files);
    const own = join(tmp, `cache${number}`);
    const failure = await failureOf(imageFolder(folder, { cacheFolder: own, ...options }), folder);
    expect(filesBelow(own)).toEqual([]);
    return failure;
  };
  it("are resized to cover the size and cropped about the centre", async () => {
    // Three vertical thirds: red, green, blue. Cropping 12x36 to a square leaves the middle, green.
    const pixels = new Uint8Array(12 * 36 * 3);
    for (let i = 0; i < 12 * 36; i++) pixels[3 * i + Math.floor((i % 36) / 12)] = 255;
    const wide = await sharp(pixels, { raw: { height: 12, width: 36, channels: 3 } })
      .png()
      .toBuffer();
    const folder = folderOf({ "a/1.png": wide, "a/2.png": wide, "b/1.png": wide, "b/2.png": wide });
    const square = await imageFolder(folder, { cacheFolder, size: 12 });
    expect(square.shape).toEqual([12, 12, 3]);
    expect(square.train.read([0])).toEqual(
      Uint8Array.from({ length: 432 }, (_, i) => (i % 3 === 1 ? 255 : 0)),
    );
    const half = await imageFolder(folder, { cacheFolder, size: [6, 18] });
    expect(half.shape).toEqual([6, 18, 3]);
    const row = half.train.read([0]).subarray(0, 54);
    // The resampling filter may ring by a grey level.
    for (const [x, channel] of [
      [0, 0],
      [9, 1],
      [17, 2],
    ] as const)
      expect(row[3 * x + channel]).toBeGreaterThan(250);
  });

  it("may all be grey: one channel, or three when widened", async () => {
    const folder = folderOf({ "a/1.png": grey, "a/2.png": grey, "b/1.png": grey, "b/2.png": grey });
    const one = await imageFolder(folder, { cacheFolder });
    expect(one.shape).toEqual([6, 6, 1]);
    expect(one.train.read([0])).toEqual(pixelPattern(1, 36, 1));
    const three = await imageFolder(folder, { cacheFolder, widenGrey: true });
    expect(three.shape).toEqual([6, 6, 3]);
    expect(three.train.read([0])).toEqual(
      Uint8Array.from({ length: 108 }, (_, i) => pixelPattern(1, 36, 1)[Math.floor(i / 3)]!),
    );
  });

  it("lose transparency and depth beyond 8 bits, and obey their orientation tag", async () => {
    const rgba = await sharp({
      create: { width: 4, height: 2, channels: 4, background: { r: 200, g: 10, b: 30, alpha: 0.5 } },
    })
      .png()
      .toBuffer();
    const sixteen = await sharp(
      Uint16Array.from({ length: 24 }, () => 0x4142),
      { raw: { width: 4, height: 2, channels: 3 } },
    )
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    const turned = await sharp({
      create: { width: 2, height: 4, channels: 3, background: { r: 1, g: 2, b: 3 } },
    })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    const folder = folderOf({
      "a/1.png": rgba,
      "a/2.png": rgba,
      "b/1.png": sixteen,
      "b/2.png": sixteen,
      "c/1.png": turned,
      "c/2.png": turned,
    });
    const { shape, train } = await imageFolder(folder, { cacheFolder });
    expect(shape).toEqual([2, 4, 3]);
    expect([...train.read([0]).subarray(0, 3)]).toEqual([200, 10, 30]);
    expect([...train.read([1]).subarray(0, 3)]).toEqual([0x41, 0x41, 0x41]);
    expect([...train.read([2]).subarray(0, 3)]).toEqual([1, 2, 3]);
  });

  it("a grey one among colour ones", async () => {
    const files = {
      "train/a/1.png": colour,
      "train/b/2.png": grey,
      "test/a/1.png": colour,
      "test/b/1.png": colour,
    };
    expect(await fails(files)).toMatchInlineSnapshot(
      `"DataError: TMP/train/b/2.png: wanted a colour image like TMP/train/a/1.png, got a grey one; remove it, or widen grey images to colour with widenGrey: true"`,
    );
    expect(await fails({ ...files, "train/a/1.png": grey, "train/b/2.png": colour })).toMatchInlineSnapshot(
      `"DataError: TMP/train/a/1.png: wanted a colour image like TMP/train/b/2.png, got a grey one; remove it, or widen grey images to colour with widenGrey: true"`,
    );
    const widened = await imageFolder(folderOf(files), { cacheFolder, widenGrey: true });
    expect(widened.train.read([1])[4]).toBe(pixelPattern(1, 36, 1)[1]);
  });

  it("an empty, unreadable or truncated one", async () => {
    const files = { "a/1.png": colour, "a/2.png": colour, "b/1.png": colour, "b/2.png": colour };
    expect(await fails({ ...files, "b/2.png": new Uint8Array(0) })).toMatchInlineSnapshot(
      `"DataError: TMP/b/2.png: wanted an image, got an empty file; remove or replace it"`,
    );
    expect(await fails({ ...files, "b/2.jpg": Buffer.from("not a picture") })).toMatchInlineSnapshot(
      `"DataError: TMP/b/2.jpg: wanted a readable image, got "Input buffer contains unsupported image format"; remove or replace it"`,
    );
    const jpeg = await sharp(colour).resize(200, 200).jpeg().toBuffer();
    expect(await fails({ ...files, "b/2.jpg": jpeg.subarray(0, jpeg.length >> 1) }, { size: 6 })).toMatch(
      /^DataError: TMP\/b\/2\.jpg: wanted a readable image, got ".+"; remove or replace it$/,
    );
  });

  it("one of another size, where no size is given", async () => {
    const other = await patternPng(1, 7, 6, 3);
    const files = {
      "train/a/1.png": colour,
      "train/b/2.png": other,
      "test/a/1.png": colour,
      "test/b/1.png": colour,
    };
    expect(await fails(files)).toMatchInlineSnapshot(
      `"DataError: TMP/train/b/2.png: wanted 6x6 pixels like TMP/train/a/1.png, got 7x6; give a size to resize and crop to, such as size: 64"`,
    );
  });

  it("no classes, one class, an empty class, other classes in test, no test", async () => {
    expect(await fails({ "1.png": colour, "2.png": colour })).toMatchInlineSnapshot(
      `"DataError: TMP/: wanted one folder of images for each class, at least two, got no folder and 2 files"`,
    );
    expect(await fails({ "a/1.png": colour })).toMatchInlineSnapshot(
      `"DataError: TMP/: wanted one folder of images for each class, at least two, got only a and 0 files"`,
    );
    expect(await fails({ "a/1.png": colour, "b/readme.txt": colour })).toMatchInlineSnapshot(
      `"DataError: TMP/b: wanted images of this class, got none; add some or remove it"`,
    );
    const halves = { "train/a/1.png": colour, "train/b/1.png": colour };
    expect(await fails({ ...halves, "test/a/1.png": colour, "test/c/1.png": colour })).toMatchInlineSnapshot(
      `"DataError: TMP/test: wanted the 2 classes of train, got 2: b missing, c added"`,
    );
    expect(await fails(halves)).toMatchInlineSnapshot(
      `"DataError: TMP: wanted a folder test or val beside train, got only train; add one, or open TMP/train to have it divided"`,
    );
    expect(await fails({ "a/1.png": colour, "b/1.png": colour })).toMatchInlineSnapshot(
      `"DataError: TMP: wanted at least 2 images of class "a" to split into train and test, got 1"`,
    );
  });

  it("another kind of file, a missing folder, wrong options", async () => {
    expect(await fails({ "a/1.png": colour, "b/1.exe": colour })).toMatchInlineSnapshot(
      `"DataError: TMP/b/1.exe: wanted only images in a class folder, got another kind of file; remove it"`,
    );
    expect(await failureOf(imageFolder(join(tmp, "none")), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/none: wanted a folder or .zip of images, got "no such file or folder""`,
    );
    const wrong = { size: 0, testFraction: 1, wideGrey: true } as ImageFolderOptions;
    expect(await failureOf(imageFolder(divided, wrong), tmp)).toMatchInlineSnapshot(
      `"ConfigError: imageFolder: wrong options: size: Too small: expected number to be >=1; testFraction: Too big: expected number to be <1; Unrecognized key: "wideGrey""`,
    );
  });
});

describe("the cache of an image folder", () => {
  it("is kept while the files are the same, and not when one changes", async () => {
    const folder = join(tmp, "kept");
    cpSync(divided, folder, { recursive: true });
    const decoded: string[] = [];
    const onEvent = ({ kind }: DatasetEvent): void => void decoded.push(kind);
    const options = { cacheFolder: join(tmp, "kept-cache"), onEvent };
    const { sha256 } = await imageFolder(folder, options);
    expect(decoded.splice(0)).toContain("decode");
    utimesSync(join(folder, "train/dog/a.png"), 1, 1); // the same bytes at another time
    await imageFolder(folder, options);
    expect(decoded).toEqual([]);
    cpSync(join(folder, "train/dog/b.png"), join(folder, "train/dog/a.png"));
    expect((await imageFolder(folder, options)).sha256).not.toBe(sha256);
    expect(decoded).toContain("decode");
  });

  it("survives a loop of links", async () => {
    const folder = join(tmp, "loop");
    cpSync(divided, folder, { recursive: true });
    symlinkSync(folder, join(folder, "train/dog/again"));
    const { sha256 } = await imageFolder(folder, { cacheFolder });
    expect(sha256).toBe((await imageFolder(divided, { cacheFolder })).sha256);
  });
});
