import { expect, test } from "vitest";
import { batchCount, batchPlaces } from "./batches.ts";

const spelt = (order: "rows" | "classes") => {
  const options = { ipc: 3, batchSize: 4, order };
  return Array.from({ length: batchCount(3, options) }, (_, batch) =>
    batchPlaces(batch, 3, options)
      .map(({ label, row }) => `${label}${row}`)
      .join(" "),
  );
};

test("batches cover every image once, by rows or by classes, the last one with what is left", () => {
  expect(spelt("rows")).toEqual(["00 10 20 01", "11 21 02 12", "22"]);
  expect(spelt("classes")).toEqual(["00 01 02 10", "11 12 20 21", "22"]);
});
