import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { damageFiles } from "../../fixtures/damage-file.ts";
import { int64Bytes, npyBytes, npzBytes } from "../../fixtures/npz-bytes.ts";
import { pixelPattern } from "../../fixtures/pixel-pattern.ts";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { npz } from "../sets/npz.ts";
import { testDataset } from "../testing/test-dataset.ts";

const tmp = temporaryFolder();
const cacheFolder = join(tmp, "cache");
const trainPixels = pixelPattern(8, 6 * 6 * 3);
const arrays = {
  train_images: npyBytes("|u1", [8, 6, 6, 3], trainPixels),
  val_images: npyBytes("|u1", [1, 6, 6, 3], pixelPattern(1, 108)),
  test_images: npyBytes("|u1", [4, 6, 6, 3], pixelPattern(4, 108, 50)),
  train_labels: npyBytes("|u1", [8, 1], Uint8Array.of(0, 1, 0, 1, 0, 1, 0, 1)),
  val_labels: npyBytes("|u1", [1, 1], Uint8Array.of(1)),
  test_labels: npyBytes("|u1", [4, 1], Uint8Array.of(1, 1, 0, 0)),
};

let number = 0;
function write(bytes: Uint8Array): string {
  mkdirSync(join(tmp, `${number}`));
  const path = join(tmp, `${number++}`, "set.npz");
  writeFileSync(path, bytes);
  return path;
}

for (const level of [0, 6] as const) {
  describe(level === 0 ? "npz, stored" : "npz, deflated", () => {
    const path = write(npzBytes(arrays, level));
    const own = join(tmp, `cache${level}`);
    testDataset(
      {
        open: () => npz(path, { cacheFolder: own }),
        damageCache: () => damageFiles(join(own, "datasets")),
        shape: [6, 6, 3],
        counts: { train: 4, test: 2 },
        classes: 2,
      },
      it,
    );
  });
}

describe("npz", () => {
  it("gives the very pixels, and names where they are given", async () => {
    const dataset = await npz(write(npzBytes(arrays)), { cacheFolder, classes: ["benign", "malignant"] });
    expect(dataset.train.read([0, 1, 2, 3, 4, 5, 6, 7])).toEqual(trainPixels);
    expect([...dataset.test.labels]).toEqual([1, 1, 0, 0]);
    expect(dataset.classes).toEqual(["benign", "malignant"]);
  });

  it("reads int64 labels and the keys of mnist.npz", async () => {
    const dataset = await npz(
      write(
        npzBytes({
          x_train: npyBytes("|u1", [3, 4, 4], pixelPattern(3, 16)),
          y_train: npyBytes("<i8", [3], int64Bytes([2, 0, 1])),
          x_test: npyBytes("|u1", [1, 4, 4], pixelPattern(1, 16, 9)),
          y_test: npyBytes("<i8", [1], int64Bytes([2])),
        }),
      ),
      { cacheFolder },
    );
    expect([...dataset.train.labels]).toEqual([2, 0, 1]);
    expect(dataset.shape).toEqual([4, 4, 1]);
  });

  it("refuses unknown options", async () => {
    const failure = failureOf(npz("x.npz", { size: 3 } as never), tmp);
    expect(await failure).toMatchInlineSnapshot(
      `"ConfigError: npz: wrong options: Unrecognized key: "size""`,
    );
  });
});

describe("damaged npz", () => {
  const fails = async (bytes: Uint8Array): Promise<string> => {
    const path = write(bytes);
    const own = `${path}.cache`;
    const failure = await failureOf(npz(path, { cacheFolder: own }), join(path, ".."));
    expect(filesBelow(own)).toEqual([]);
    return failure;
  };
  const changed = (change: Partial<typeof arrays>): Promise<string> =>
    fails(npzBytes({ ...arrays, ...change }));

  it("no zip, or a truncated one", async () => {
    expect(await fails(Buffer.from("hello"))).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: wanted a complete zip archive, got "no end of the archive"; it is truncated or corrupted: delete it and get it again"`,
    );
    expect(await fails(npzBytes(arrays).subarray(0, 400))).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: wanted a complete zip archive, got "no end of the archive"; it is truncated or corrupted: delete it and get it again"`,
    );
  });

  it("a missing array", async () => {
    const { train_images, test_images, train_labels } = arrays;
    expect(await fails(npzBytes({ train_images, test_images, train_labels }))).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: wanted the arrays train_images, train_labels, test_images and test_labels, got train_images, test_images, train_labels"`,
    );
  });

  it("a flipped bit", async () => {
    const bytes = npzBytes(arrays, 0);
    bytes[400]! ^= 1;
    expect(await fails(bytes)).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_images.npy: wanted 992 bytes with CRC bad40803, got 992 with a7793f91; the archive is truncated or corrupted: delete it and get it again"`,
    );
  });

  it("an entry that inflates to more or less than declared", async () => {
    const bytes = Buffer.from(npzBytes(arrays));
    const central = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    const declared = bytes.readUInt32LE(central + 24);
    bytes.writeUInt32LE(declared - 1, central + 24);
    expect(await fails(bytes)).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_images.npy: wanted 991 bytes as declared, got more; the archive is not to be trusted"`,
    );
  });

  it("a bomb: far more bytes than images shrink by", async () => {
    const bytes = Buffer.from(npzBytes(arrays));
    const central = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    bytes.writeUInt32LE(2 ** 31, central + 24);
    expect(await fails(bytes)).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_images.npy: wanted an array packed at most 200 times, got 2147483648 bytes in 677; the archive is not to be trusted"`,
    );
  });

  it("a header that lies: more images than there are bytes", async () => {
    const lie = "{'descr': '|u1', 'fortran_order': False, 'shape': (8000000000, 6, 6, 3), }";
    const train_images = npyBytes("|u1", [], trainPixels, lie);
    expect(await changed({ train_images })).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_images.npy: wanted 864000000128 bytes for type |u1 and shape [8000000000,6,6,3], got 992; the header does not fit the data"`,
    );
  });

  it("a header with other types, orders and shapes", async () => {
    const header = (text: string) => changed({ train_images: npyBytes("|u1", [], trainPixels, text) });
    expect(await header("{'descr': '|O', 'fortran_order': False, 'shape': (8,), }")).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_images.npy: wanted integers (|u1 |i1 |b1 <u2 <i2 <u4 <i4 <u8 <i8), got type "|O""`,
    );
    expect(
      await header("{'descr': '|u1', 'fortran_order': True, 'shape': (8, 108), }"),
    ).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_images.npy: wanted C order, got Fortran order; save a copy in C order"`,
    );
    expect(await header("__import__('os').system('true')")).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_images.npy: wanted a header with descr, fortran_order and shape, got "__import__('os').system('true')                      \\n""`,
    );
    expect(await changed({ train_images: npyBytes("|u1", [8, 108], trainPixels) })).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_images.npy: wanted images of type |u1 and shape [N,H,W] or [N,H,W,C] with C 1 or 3, got |u1 [8,108]"`,
    );
    expect(
      await changed({ test_images: npyBytes("|u1", [4, 3, 12, 3], pixelPattern(4, 108)) }),
    ).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: test_images.npy: wanted 4 images of 6x6x3, got shape [4,3,12,3]"`,
    );
  });

  it("labels of several columns, too few, or negative", async () => {
    const many = npyBytes("|u1", [8, 14], new Uint8Array(112));
    expect(await changed({ train_labels: many })).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_labels.npy: wanted one label an image, shape [N] or [N,1], got [8,14]"`,
    );
    expect(
      await changed({ train_labels: npyBytes("|u1", [7], Uint8Array.of(0, 1, 0, 1, 0, 1, 0)) }),
    ).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_images.npy: wanted 7 images of 6x6x3, got shape [8,6,6,3]"`,
    );
    const negative = npyBytes("<i8", [8], int64Bytes([0, 1, 2, -1, 0, 1, 2, 0]));
    expect(await changed({ train_labels: negative })).toMatchInlineSnapshot(
      `"DataError: TMP/set.npz: train_labels: wanted labels in [0, 100000), got -1 in row 3"`,
    );
  });
});
