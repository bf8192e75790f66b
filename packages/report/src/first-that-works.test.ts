import { expect, test } from "vitest";
import { firstThatWorks, type Candidate } from "./first-that-works.ts";

const candidate = (title: string, unfit?: string, start?: string): Candidate => ({
  title,
  unfit: () => Promise.resolve(unfit),
  start: () => Promise.resolve(start),
});

test("takes the first that is fit, starts, and on which the work ends; says why not the others", async () => {
  const begun: string[] = [];
  const candidates = [
    candidate("A", "not in this browser"),
    candidate("B", undefined, "does not start"),
    candidate("C"),
    candidate("D"),
    candidate("E"),
  ];
  const { candidate: taken, result } = await firstThatWorks(candidates, ({ title }, passedOver) => {
    begun.push(title);
    return title === "C" ? Promise.reject(new Error("device lost")) : Promise.resolve([...passedOver]);
  });
  expect(begun).toEqual(["C", "D"]);
  expect(taken.title).toBe("D");
  expect(result).toEqual(["A: not in this browser", "B: does not start", "C: device lost"]);
});

test("one that was asked for is tried though it is unfit; where none is left it says why", async () => {
  const slow = candidate("A", "a software renderer");
  await expect(firstThatWorks([slow], () => Promise.resolve(1))).rejects.toThrow(/^A: a software renderer$/);
  expect((await firstThatWorks([slow], () => Promise.resolve(1), { even: true })).result).toBe(1);
});
