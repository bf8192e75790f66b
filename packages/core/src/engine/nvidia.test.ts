import { expect, test } from "vitest";
import { nvidiaCard, parseCards } from "./nvidia.ts";

test("cards as nvidia-smi prints them", () => {
  const text = "NVIDIA H100 80GB HBM3, 81559, 550.54.15\nNVIDIA GeForce RTX 3060, [N/A], 550.54.15\n\n";
  expect(parseCards(text)).toEqual([
    { name: "NVIDIA H100 80GB HBM3", memory: 81559 * 2 ** 20, driver: "550.54.15" },
    { name: "NVIDIA GeForce RTX 3060", memory: null, driver: "550.54.15" },
  ]);
  expect(parseCards("")).toEqual([]);
});

test("a card that is not there has no memory", () => {
  expect(nvidiaCard("9999")).toMatchObject({ memory: null, driver: null });
});
