import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { damageFiles } from "../../fixtures/damage-file.ts";
import { writeHubArrow, writeHubParquet, type HubRow } from "../../fixtures/hub-files.ts";
import { patternPng } from "../../fixtures/image-files.ts";
import { pixelPattern } from "../../fixtures/pixel-pattern.ts";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { testDataset } from "../testing/test-dataset.ts";
import { parquet, type ParquetOptions } from "./parquet.ts";

const tmp = temporaryFolder();
const cacheFolder = join(tmp, "cache");
const names = ["cat", "dog", "owl"];
const rows: HubRow[] = await Promise.all(
  Array.from({ length: 18 }, async (_, i) => ({ bytes: await patternPng(i, 5, 6, 3), label: i % 3 })),
);

function folderOf(name: string): string {
  mkdirSync(join(tmp, name, "data"), { recursive: true });
  return join(tmp, name);
}

const hub = folderOf("hub");
writeHubParquet(join(hub, "data", "train-00000-of-00002.parquet"), rows.slice(0, 7), { names });
writeHubParquet(join(hub, "data", "train-00001-of-00002.parquet"), rows.slice(7, 12), { names });
writeHubParquet(join(hub, "data", "validation-00000-of-00001.parquet"), rows.slice(0, 3), { names });
writeHubParquet(join(hub, "data", "test-00000-of-00001.parquet"), rows.slice(12), { names });

describe("parquet, a folder with splits", () => {
  const own = join(tmp, "own");
  testDataset(
    {
      open: () => parquet(hub, { cacheFolder: own }),
      damageCache: () => damageFiles(join(own, "datasets")),
      shape: [5, 6, 3],
      counts: { train: 4, test: 2 },
      classes: 3,
    },
    it,
  );

  it("takes names from the metadata, images in order, test rather than validation", async () => {
    const { classes, train, test } = await parquet(hub, { cacheFolder });
    expect(classes).toEqual(names);
    for (let i = 0; i < 12; i++) expect(train.read([i])).toEqual(pixelPattern(1, 90, i));
    for (let i = 0; i < 6; i++) expect(test.read([i])).toEqual(pixelPattern(1, 90, 12 + i));
    expect([...test.labels]).toEqual([0, 1, 2, 0, 1, 2]);
  });
});

describe("parquet, one file", () => {
  const path = join(tmp, "one.parquet");
  writeHubParquet(path, rows, { image: "img", label: "fine_label" });

  it("is divided by the seed, and classes without names are numbers", async () => {
    const { classes, train, test } = await parquet(path, { cacheFolder, testFraction: 1 / 3 });
    expect(classes).toEqual(["0", "1", "2"]);
    expect([train.size, test.size]).toEqual([12, 6]);
    const seen = [train, test].flatMap((split) => {
      return Array.from({ length: split.size }, (_, i) => {
        const pattern = rows.findIndex((_, p) => Buffer.from(split.read([i])).equals(pixelPattern(1, 90, p)));
        expect(split.labels[i]).toBe(pattern % 3);
        return pattern;
      });
    });
    expect(seen.toSorted((a, b) => a - b)).toEqual(rows.map((_, i) => i));
    const again = await parquet(path, { cacheFolder, testFraction: 1 / 3, seed: 5 });
    expect(again.sha256).not.toBe((await parquet(path, { cacheFolder, testFraction: 1 / 3 })).sha256);
  });

  it("is resized, named and given class names on request", async () => {
    const options = { cacheFolder, size: 4, name: "pets", classes: names };
    const { shape, name, classes } = await parquet(path, options);
    expect({ shape, name, classes }).toEqual({ shape: [4, 4, 3], name: "pets", classes: names });
  });
});

describe("arrow, as data hubs store on disk", () => {
  for (const format of ["stream", "file"] as const) {
    it(`reads the ${format} format like Parquet`, async () => {
      const folder = join(tmp, format);
      for (const split of ["train", "test"]) mkdirSync(join(folder, split), { recursive: true });
      writeHubArrow(join(folder, "train", "data-00000-of-00001.arrow"), rows.slice(0, 12), names, format);
      writeHubArrow(join(folder, "test", "data-00000-of-00001.arrow"), rows.slice(12), names, format);
      const dataset = await parquet(folder, { cacheFolder });
      expect(dataset.sha256).toBe((await parquet(hub, { cacheFolder })).sha256);
      expect(dataset.classes).toEqual(names);
    });
  }
});

describe("bad tables", () => {
  let number = 0;
  const fails = async (
    write: (path: string) => void,
    options: ParquetOptions = {},
    extension = "parquet",
  ) => {
    const folder = folderOf(`bad${number++}`);
    const path = join(folder, `set.${extension}`);
    write(path);
    const own = join(folder, "cache");
    const failure = await failureOf(parquet(path, { cacheFolder: own, ...options }), folder);
    expect(filesBelow(own)).toEqual([]);
    return failure;
  };

  it("no image column, no label column, or not the one asked for", async () => {
    const columns =
      (...columnNames: string[]) =>
      (path: string) => {
        const columnData = columnNames.map((name) => ({ name, data: [0, 1, 0, 1], type: "INT32" as const }));
        writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData })));
      };
    expect(await fails(columns("label", "text"))).toMatchInlineSnapshot(
      `"DataError: TMP/set.parquet: wanted a column of images, got label, text; name it with imageColumn"`,
    );
    expect(await fails(columns("image", "text"))).toMatchInlineSnapshot(
      `"DataError: TMP/set.parquet: wanted a column of labels, got image, text; name it with labelColumn"`,
    );
    expect(await fails(columns("image", "label"), { imageColumn: "photo" })).toMatchInlineSnapshot(
      `"DataError: TMP/set.parquet: wanted the column photo, got image, label; name it with imageColumn"`,
    );
    expect(await fails(columns("image", "label"))).toMatchInlineSnapshot(
      `"DataError: TMP/set.parquet: row 0: wanted the bytes of an image, got none; store the images inside the file"`,
    );
  });

  it("a label out of range", async () => {
    const wrong = rows.with(4, { ...rows[4]!, label: 3 });
    expect(await fails((path) => writeHubParquet(path, wrong, { names }))).toMatchInlineSnapshot(
      `"DataError: TMP/set.parquet: wanted labels in [0, 3), got 3 in row 4"`,
    );
    const hidden = rows.with(4, { ...rows[4]!, label: -1 });
    expect(await fails((path) => writeHubParquet(path, hidden))).toMatchInlineSnapshot(
      `"DataError: TMP/set.parquet: wanted labels in [0, 100000), got -1 in row 4"`,
    );
    expect(
      await fails((path) => writeHubArrow(path, wrong, names, "stream"), {}, "arrow"),
    ).toMatchInlineSnapshot(`"DataError: TMP/set.arrow: wanted labels in [0, 3), got 3 in row 4"`);
  });

  it("an image that is none, or grey among colour", async () => {
    const broken = rows.with(4, { ...rows[4]!, bytes: Buffer.from("no image") });
    expect(await fails((path) => writeHubParquet(path, broken, { names }))).toMatchInlineSnapshot(
      `"DataError: TMP/set.parquet: row 4: wanted a readable image, got "Input buffer contains unsupported image format"; remove or replace it"`,
    );
    const bytes = await patternPng(4, 5, 6, 1);
    const grey = rows.with(4, { ...rows[4]!, bytes });
    expect(await fails((path) => writeHubParquet(path, grey, { names }))).toMatchInlineSnapshot(
      `"DataError: TMP/set.parquet: row 4: wanted a colour image like TMP/set.parquet: row 0, got a grey one; remove it, or widen grey images to colour with widenGrey: true"`,
    );
  });

  it("truncated or other files", async () => {
    const cut = (path: string): void => {
      writeHubParquet(path, rows, { names });
      writeFileSync(path, readFileSync(path).subarray(0, -100));
    };
    expect(await fails(cut)).toMatchInlineSnapshot(
      `"DataError: TMP/set.parquet: wanted a readable Parquet file, got "parquet file invalid (footer != PAR1)"; it is truncated or corrupted: delete it and get it again"`,
    );
    expect(await fails((path) => writeFileSync(path, ""))).toMatchInlineSnapshot(
      `"DataError: TMP/set.parquet: wanted a readable Parquet file, got "Offset is outside the bounds of the DataView"; it is truncated or corrupted: delete it and get it again"`,
    );
    const cutArrow = (path: string): void => {
      writeHubArrow(path, rows, names, "stream");
      writeFileSync(path, readFileSync(path).subarray(0, 2500));
    };
    expect(await fails(cutArrow, {}, "arrow")).toMatch(/^DataError: TMP\/set\.arrow: /);
    expect(await fails((path) => writeFileSync(path, "x".repeat(100)), {}, "arrow")).toMatch(/^DataError: /);
  });

  it("a flipped bit gives a DataError or another set, never another failure or a loop", async () => {
    const path = join(tmp, "flip.parquet");
    writeHubParquet(path, rows, { names });
    const bytes = readFileSync(path);
    const label = bytes.indexOf(Buffer.from("label", "latin1"));
    // 1950 lies in the header of a page of labels: unchecked, its decoder would read it for ever.
    for (const at of [1950, label, ...Array.from({ length: 20 }, (_, i) => 10 + i * 211)]) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 16;
      writeFileSync(path, flipped);
      const outcome = await parquet(path, { cacheFolder: join(tmp, "flips") }).then(
        () => "opened",
        (error: Error) => error.name,
      );
      expect(["opened", "DataError"]).toContain(outcome);
    }
  });

  it("a folder without tables, a missing file, a table that only points to files", async () => {
    expect(await failureOf(parquet(folderOf("empty")), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/empty: wanted .parquet or .arrow files, got none"`,
    );
    expect(await failureOf(parquet(join(tmp, "none.parquet")), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/none.parquet: wanted a .parquet or .arrow file or a folder of them, got "no such file or folder""`,
    );
  });
});
