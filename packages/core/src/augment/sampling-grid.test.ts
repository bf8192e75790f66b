import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, it } from "vitest";
import { centred, IDENTITY, mirrored, samplingGrid, translation, type AffineMap } from "./sampling-grid.ts";

beforeAll(() => tf.setBackend("cpu"));

/** Column and row that output pixel (row, column) reads. */
const at = (map: AffineMap, height: number, width: number, row: number, column: number): number[] =>
  tf.tidy(() => samplingGrid([map], height, width).arraySync()[0]![row]![column]!);

describe("samplingGrid", () => {
  it("holds column, then row", () => {
    expect(at(IDENTITY, 3, 5, 2, 4)).toEqual([4, 2]);
    expect(at(translation(1, -2), 3, 5, 0, 3)).toEqual([2, 2]);
    expect(at(mirrored(translation(1, 0), 5), 3, 5, 0, 0)).toEqual([3, 0]);
  });

  it("applies centred maps on normalised coordinates, where the longer side does not count more", () => {
    // A quarter turn of a 3 × 5 image: the right border's centre (1, 0) reads from (0, 1), the lower border's centre.
    const turn = centred(0, -1, 1, 0, 3, 5);
    expect(at(turn, 3, 5, 1, 4)).toEqual([2, 2]);
    expect(at(turn, 3, 5, 2, 2)).toEqual([0, 1]);
    expect(at(centred(1.2, 0, 0, 0.5, 3, 5), 3, 5, 2, 4)).toEqual([expect.closeTo(4.4, 6), 1.5]);
    // One row: there is no other row to read.
    expect(at(centred(0.9, -0.4, 0.4, 0.9, 1, 3), 1, 3, 0, 2)[1]).toBe(0);
  });

  it("moves positions into the box of `within`", () => {
    const map = { ...translation(2, 0), within: { left: 0, top: 1, right: 2, bottom: 1 } };
    expect(at(map, 3, 5, 0, 0)).toEqual([0, 1]);
    expect(at(map, 3, 5, 2, 4)).toEqual([2, 1]);
  });
});
