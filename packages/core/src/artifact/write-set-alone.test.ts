import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, expect, it } from "vitest";
import { toySet } from "../testing/toy-set.ts";
import { readSet } from "./read-set.ts";
import { writeSet } from "./write-set.ts";

const folder = mkdtempSync(join(tmpdir(), "limbeck-write-set-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

it("a whitened set is written before any back end was chosen", async () => {
  expect(tf.engine().backendName).toBeUndefined();
  const path = join(folder, "set.arrow");
  const set = toySet({ normalisation: "zca" });
  await writeSet(path, set);
  expect(readSet(path).images).toEqual(set.images);
});
