import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { describe, expect, it } from "vitest";
import { testWithoutLeaks } from "../testing/without-leaks.ts";
import { normal } from "../random/draw.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { applyGroup, cropShift, cutoutSide, dsa } from "./dsa.ts";
import { DSA_GROUPS, parseStrategy, withoutGroup, type DsaGroup } from "./strategy.ts";

const key = keyFromSeed("dsa");
const ALL = "color_crop_cutout_flip_scale_rotate";

testWithoutLeaks();

const images = (n: number, size: number, channels: number): tf.Tensor4D =>
  tf.tensor4d(normal(keyFromSeed(`${size}`), n * size * size * channels), [n, size, size, channels]);
/** `n` copies of one image. */
const copies = (n: number, size: number, channels: number): tf.Tensor4D =>
  tf.tile(images(1, size, channels), [n, 1, 1, 1]);
const nested = (x: tf.Tensor4D): number[][][][] => x.arraySync();

describe("parseStrategy", () => {
  it("reads groups in order", () => {
    expect(parseStrategy(ALL)).toEqual([["color", "crop", "cutout", "flip", "scale", "rotate"]]);
    expect(parseStrategy("none")).toEqual([]);
    expect(parseStrategy("flip+color_crop+cutout")).toEqual([["flip"], ["color", "crop"], ["cutout"]]);
  });

  it("loses a group, and the stage that had no other", () => {
    expect(withoutGroup(ALL, "flip")).toBe("color_crop_cutout_scale_rotate");
    expect(withoutGroup("flip+color_crop+cutout", "flip")).toBe("color_crop+cutout");
    expect(withoutGroup("flip", "flip")).toBe("none");
    expect(withoutGroup("none", "flip")).toBe("none");
  });

  it("names what it does not know", () => {
    expect(() => parseStrategy("color_colour")).toThrow(
      'augmentation: unknown group "colour" in "color_colour"; known: color, crop, cutout, flip, rotate, scale, joined by "_" or "+", or none',
    );
    expect(() => parseStrategy("")).toThrow('unknown group "" in ""');
    expect(() => parseStrategy("flip_flip")).toThrow('group "flip" comes twice in "flip_flip"; name it once');
    expect(() => parseStrategy("flip+color_flip")).toThrow('group "flip" comes twice in "flip+color_flip"');
    expect(() => parseStrategy("flip+")).toThrow('unknown group "" in "flip+"');
  });
});

describe("ranges of the published code", () => {
  it("gives the shifts and squares of the known sizes", () => {
    expect([28, 32, 64, 128].map(cropShift)).toEqual([4, 4, 8, 16]);
    expect([28, 32, 64].map(cutoutSide)).toEqual([14, 16, 32]);
  });

  it("crop: each image moved by whole pixels, every shift of both axes from −s to s occurs, zeros move in", () => {
    const size = 8; // s = 1
    const x = copies(400, size, 1);
    const source = nested(x)[0]!;
    const seen = new Map<string, number>();
    for (const y of nested(applyGroup(x, "crop", key, 400))) {
      const shifts = [-1, 0, 1].flatMap((dx) => [-1, 0, 1].map((dy) => [dx, dy] as const));
      const match = shifts.filter(([dx, dy]) =>
        y.every((row, i) => row.every(([v], j) => v === (source[i - dy]?.[j - dx]?.[0] ?? 0))),
      );
      expect(match).toHaveLength(1);
      seen.set(String(match[0]), (seen.get(String(match[0])) ?? 0) + 1);
    }
    expect(seen.size).toBe(9);
    // 400/9 = 44 each; five standard deviations are 31.
    for (const count of seen.values()) expect(Math.abs(count - 400 / 9)).toBeLessThan(32);
  });

  it("cutout: one square of half the side, cut off at the borders, centres from 0 to H", () => {
    const size = 8;
    const kept = nested(applyGroup(tf.ones([600, size, size, 2]), "cutout", key, 600));
    const tops = new Set<string>();
    for (const y of kept) {
      const rows = [...Array(size).keys()].filter((i) => y[i]!.some(([v]) => v === 0));
      const columns = [...Array(size).keys()].filter((j) => y.some((row) => row[j]![0] === 0));
      // A full rectangle, all channels.
      let zeros = 0;
      for (const row of y) for (const [a, b] of row) zeros += a === 0 && b === 0 ? 1 : 0;
      expect(zeros).toBe(rows.length * columns.length);
      expect(rows.at(-1)! - rows[0]! + 1).toBe(rows.length);
      if (rows.length < 4) expect(rows[0] === 0 || rows.at(-1) === size - 1).toBe(true);
      tops.add(`${rows[0]}+${rows.length}`);
    }
    // Centres 0 … 8, square [centre − 2, centre + 1]; centre 0 leaves rows 0–1, centre 8 rows 6–7.
    expect([...tops].sort()).toEqual(["0+2", "0+3", "0+4", "1+4", "2+4", "3+4", "4+4", "5+3", "6+2"].sort());
  });

  it("flip: half of the images mirrored left to right", () => {
    const x = copies(400, 6, 1);
    const source = nested(x)[0]!;
    let mirrored = 0;
    for (const y of nested(applyGroup(x, "flip", key, 400))) {
      const isMirrored = y.every((row, i) => row.every(([v], j) => v === source[i]![5 - j]![0]));
      if (!isMirrored) expect(y).toEqual(source);
      mirrored += isMirrored ? 1 : 0;
    }
    expect(Math.abs(mirrored - 200)).toBeLessThan(50);
  });

  it("flip twice with one key is the identity", () => {
    const x = images(20, 7, 3);
    const twice = applyGroup(applyGroup(x, "flip", key, 20), "flip", key, 20);
    expect(twice.dataSync()).toEqual(x.dataSync());
  });

  it("brightness, saturation and contrast: every image is a shift, a factor in [0, 2) and a factor in [0.5, 1.5)", () => {
    const n = 500;
    const [red, green] = [1, -1];
    // Left half grey 1, right half coloured: grey pixels show shift and contrast, the difference of channels saturation too.
    const x = tf.tile(tf.tensor4d([1, 1, red, green], [1, 1, 2, 2]), [n, 1, 1, 1]);
    const factors = { shift: [] as number[], saturation: [] as number[], contrast: [] as number[] };
    for (const y of nested(applyGroup(x, "color", key, n))) {
      const [grey, colour] = y[0]!;
      // Channel mean of the pixels: 1 and 0 before; contrast scales their difference, saturation does not touch it.
      const contrast = (grey![0]! + grey![1]!) / 2 - (colour![0]! + colour![1]!) / 2;
      const shift = (grey![0]! + grey![1]! + colour![0]! + colour![1]!) / 4 - 0.5;
      factors.contrast.push(contrast);
      factors.saturation.push((colour![0]! - colour![1]!) / (red - green) / contrast);
      factors.shift.push(shift);
    }
    const range = (values: number[]): [number, number] => [Math.min(...values), Math.max(...values)];
    const expectRange = (values: number[], low: number, high: number) => {
      const [least, most] = range(values);
      const slack = (high - low) * 0.03;
      expect(least).toBeGreaterThanOrEqual(low - 1e-5);
      expect(least).toBeLessThan(low + slack);
      expect(most).toBeLessThan(high + 1e-5);
      expect(most).toBeGreaterThan(high - slack);
    };
    expectRange(factors.shift, -0.5, 0.5);
    expectRange(factors.saturation, 0, 2);
    expectRange(factors.contrast, 0.5, 1.5);
  });

  it("scale: a linear ramp is stretched about the centre by factors of [1/1.2, 1.2] per axis", () => {
    const n = 400;
    const size = 9;
    // Ramps have value = distance from the centre; bilinear sampling of a ramp is exact inside the image.
    const ramp = tf.tidy(() => {
      const line = tf.sub(tf.range(0, size), (size - 1) / 2);
      const across = tf.tile(tf.reshape(line, [1, 1, size, 1]), [1, size, 1, 1]);
      return tf.tile(tf.concat([across, tf.transpose(across, [0, 2, 1, 3])], 3), [n, 1, 1, 1]) as tf.Tensor4D;
    });
    const factors: number[][] = [[], []];
    for (const y of nested(applyGroup(ramp, "scale", key, n))) {
      expect(y[4]![4]).toEqual([expect.closeTo(0, 5), expect.closeTo(0, 5)]);
      factors[0]!.push(y[4]![6]![0]! / 2);
      factors[1]!.push(y[6]![4]![1]! / 2);
    }
    for (const values of factors) {
      expect(Math.min(...values)).toBeGreaterThan(1 / 1.2 - 1e-5);
      expect(Math.min(...values)).toBeLessThan(0.85);
      expect(Math.max(...values)).toBeLessThan(1.2 + 1e-5);
      expect(Math.max(...values)).toBeGreaterThan(1.18);
    }
    expect(factors[0]!.filter((v, i) => Math.abs(v - factors[1]![i]!) < 1e-3).length).toBeLessThan(20);
  });

  it("rotate: ramps turn by angles of [−15°, 15°] and keep their steepness", () => {
    const n = 400;
    const size = 9;
    const across = tf.tile(tf.reshape(tf.sub(tf.range(0, size), 4), [1, 1, size, 1]), [n, size, 1, 1]);
    const ramps = tf.concat([across, tf.transpose(across, [0, 2, 1, 3])], 3) as tf.Tensor4D;
    const angles = nested(applyGroup(ramps, "rotate", key, n)).map((y) => {
      const along = y[4]![6]![0]! / 2; // cos
      const down = y[6]![4]![0]! / 2; // −sin
      expect(along ** 2 + down ** 2).toBeCloseTo(1, 5);
      // The other coordinate: sin along the row, cos down the column.
      expect(y[4]![6]![1]! / 2).toBeCloseTo(-down, 5);
      expect(y[6]![4]![1]! / 2).toBeCloseTo(along, 5);
      return (Math.atan2(-down, along) * 180) / Math.PI;
    });
    expect(Math.min(...angles)).toBeGreaterThan(-15.001);
    expect(Math.min(...angles)).toBeLessThan(-14);
    expect(Math.max(...angles)).toBeLessThan(15.001);
    expect(Math.max(...angles)).toBeGreaterThan(14);
  });
});

describe("dsa", () => {
  it("applies one group of each stage, in order; a plain strategy draws as a first stage does", () => {
    const x = images(3, 8, 3);
    const staged = dsa(x, "crop+color", { key, siamese: true });
    const first = dsa(x, "crop", { key, siamese: true });
    const second = dsa(first, "color", { key: foldIn(foldIn(key, "stage"), 1), siamese: true });
    expect(nested(staged)).toEqual(nested(second));
    // Flip first: over many keys half of the batches are mirrored, whatever comes after.
    const mirrored = Array.from({ length: 60 }, (_, i) => {
      const own = foldIn(key, i);
      const flipped = dsa(x, "flip+cutout", { key: own, siamese: true });
      const cut = (y: tf.Tensor4D) =>
        nested(dsa(y, "cutout", { key: foldIn(foldIn(own, "stage"), 1), siamese: true }));
      const same = JSON.stringify(nested(flipped)) === JSON.stringify(cut(x));
      if (!same) expect(nested(flipped)).toEqual(cut(tf.reverse(x, 2)));
      return same ? 0 : 1;
    }).reduce((sum: number, one) => sum + one, 0);
    expect(mirrored).toBeGreaterThan(15);
    expect(mirrored).toBeLessThan(45);
  });

  it("saturation is the identity on one channel: colour only moves and scales", () => {
    const x = images(1, 5, 1);
    const y = applyGroup(x, "color", key, 1);
    const [before, after] = [x.dataSync(), y.dataSync()];
    const slope = (after[1]! - after[0]!) / (before[1]! - before[0]!);
    expect(slope).toBeGreaterThan(0.5);
    before.forEach((v, i) => expect(after[i]! - after[0]!).toBeCloseTo(slope * (v - before[0]!), 4));
  });

  it.each(DSA_GROUPS.map((group) => [group]))(
    "%s, siamese: batches of any size get the first image's draw",
    (group) => {
      const x = images(5, 8, 3);
      const first = tf.slice(x, 0, 1);
      for (let i = 0; i < 4; i++) {
        const own = foldIn(key, i);
        const all = dsa(x, group, { key: own, siamese: true });
        const one = dsa(first, group, { key: own, siamese: true });
        const apart = dsa(x, group, { key: own, siamese: false });
        expect(tf.slice(all, 0, 1).dataSync()).toEqual(one.dataSync());
        expect(tf.slice(apart, 0, 1).dataSync()).toEqual(one.dataSync());
      }
    },
  );

  it("without siamese, images of one batch differ in their parameters but not in their group", () => {
    const y = dsa(copies(8, 8, 3), "crop_scale", { key, siamese: false });
    const rows = tf.reshape(y, [8, -1]).arraySync() as number[][];
    expect(new Set(rows.map(String)).size).toBeGreaterThan(4);
    const same = dsa(copies(8, 8, 3), "crop_scale", { key, siamese: true });
    expect(new Set((tf.reshape(same, [8, -1]).arraySync() as number[][]).map(String)).size).toBe(1);
  });

  it("chooses every group of the strategy equally often", () => {
    const x = tf.fill([1, 8, 8, 3], 2) as tf.Tensor4D;
    const counts = { crop: 0, cutout: 0 };
    for (let i = 0; i < 300; i++) {
      // Cutout leaves a square of zeros of at least 2 × 2 pixels; a crop by at most one pixel none (or a border).
      const y = dsa(x, "crop_cutout", { key: foldIn(key, i), siamese: true });
      const zeros = Array.from(y.dataSync()).filter((v) => v === 0).length / 3;
      const border = [0, 8, 15];
      counts[border.includes(zeros) ? "crop" : "cutout"] += 1;
      y.dispose();
    }
    // A cutout at two borders may also leave 8 zeros: 4·2 pixels.
    expect(counts.crop).toBeGreaterThan(110);
    expect(counts.crop).toBeLessThan(220);
  });

  it("same key, same bits; another key, another draw; `none` changes nothing", () => {
    const x = images(4, 8, 3);
    const bits = (seed: string) =>
      Array.from(dsa(x, ALL, { key: keyFromSeed(seed), siamese: false }).dataSync());
    expect(bits("a")).toEqual(bits("a"));
    expect(new Set(["a", "b", "c", "d"].map((seed) => String(bits(seed)))).size).toBe(4);
    expect(dsa(x, "none", { key, siamese: true }).dataSync()).toEqual(x.dataSync());
  });
});

describe("derivatives", () => {
  const dot = (a: tf.Tensor, b: tf.Tensor): number => tf.sum(tf.mul(a, b)).dataSync()[0]!;
  const cases = DSA_GROUPS.flatMap((group): [DsaGroup, boolean][] => [
    [group, true],
    [group, false],
  ]);

  it.each(cases)(
    "%s (siamese %s) is affine: its gradient is the transpose, its second derivative 0",
    (group, siamese) => {
      const n = 3;
      const x = images(n, 8, 3);
      const v = tf.tensor4d(normal(keyFromSeed("v"), x.size), x.shape);
      const w = tf.tensor4d(normal(keyFromSeed("w"), x.size), x.shape);
      const f = (u: tf.Tensor): tf.Tensor => applyGroup(u as tf.Tensor4D, group, key, siamese ? 1 : n);
      // A v = f(x + v) − f(x): exact for an affine map.
      const av = tf.sub(f(tf.add(x, v)), f(x));
      const atw = tf.grad(f)(x, w);
      const scale = Math.sqrt(dot(v, v) * dot(w, w));
      expect(Math.abs(dot(av, w) - dot(v, atw)) / scale).toBeLessThan(1e-6);
      expect(Math.abs(dot(av, w)) / scale).toBeGreaterThan(1e-4);
      // ½‖f(x)‖² has Hessian AᵀA.
      const gradient = tf.grad((u) => tf.div(tf.sum(tf.square(f(u))), 2));
      const hv = tf.grad((u) => tf.sum(tf.mul(gradient(u), v)))(x);
      expect(Math.abs(dot(hv, w) - dot(av, tf.sub(f(tf.add(x, w)), f(x)))) / scale).toBeLessThan(1e-6);
    },
  );
});
