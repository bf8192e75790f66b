import { expect, test } from "vitest";
import { protocolHash, protocolId, protocolSchema, recipeFor, withEpochs } from "./protocol.ts";
import { protocolForClasses, protocolNamed, protocols } from "./protocols.ts";

test("the published protocols are what the papers' loops do", () => {
  // Reference loops make E + 1 passes; the last pass at the old rate is 151, 501, 901 (0-based).
  const facts = ["dc-v1", "dsa-v1", "datadam-v1"].map((id) => {
    const { epochs, batchSize, schedule, learningRate, momentum, weightDecay, resetAtSteps } =
      protocolNamed(id).recipe;
    return [id, epochs, batchSize, schedule, learningRate, momentum, weightDecay, resetAtSteps];
  });
  const rest = [0.01, 0.9, 5e-4, true];
  expect(facts).toEqual([
    ["dc-v1", 301, 256, { kind: "steps", at: [152], factor: 0.1 }, ...rest],
    ["dsa-v1", 1001, 256, { kind: "steps", at: [502], factor: 0.1 }, ...rest],
    ["datadam-v1", 1801, 64, { kind: "steps", at: [902], factor: 0.1 }, ...rest],
  ]);
});

test("a protocol cannot change without a new version", () => {
  const hashes = Object.entries(protocols).map(
    ([id, protocol]) => `${id} ${protocolHash(protocol).slice(0, 16)}`,
  );
  expect(hashes).toMatchInlineSnapshot(`
    [
      "dc-v1 2711c71a2d44d5fa",
      "dc-mnist-v1 f4d5f92a2f5fbf07",
      "dsa-v1 c0d80d986933879d",
      "idc-v1 5500f1f7f4e9c085",
      "idc-unmixed-v1 9c9427ccfdd88ed2",
      "datadam-v1 e7b9391268578922",
      "mtt-v1 5c7c36112555c353",
      "datm-v1 42f26145b0a97275",
      "ncfm-v1 a4f01277bd4dc364",
      "neutral-v1 d05e47ccd06765e1",
      "neutral-hard-v1 cb32b879bd34f895",
      "neutral-soft-v1 40bc74b3cf4edd33",
      "neutral-plain-v1 d6b44ee84d9f0d13",
      "neutral-soft-plain-v1 a64cd72f5ba84bf9",
      "sre2l-v1 787f384bca31ffa7",
      "rded-v1 a09816e0555b6c07",
      "rded-large-v1 cb58f4b7ff12c550",
      "sre2l-hard-v1 d90888db8d2eedfa",
      "rded-hard-v1 42f6ce2897efbcab",
      "rded-large-hard-v1 40981b4f04828abf",
      "start-v1 eca340b5233e7642",
    ]
  `);
});

test("NCFM's halves the rate at each fifth of 2000 epochs, and at each fifth of any other number", () => {
  expect(protocolNamed("ncfm-v1").recipe).toMatchObject({
    optimiser: "adamw",
    learningRate: 1e-3,
    weightDecay: 0.01,
    epochs: 2000,
    schedule: { kind: "steps", at: [400, 800, 1200, 1600], factor: 0.5 },
  });
  expect(protocolNamed("ncfm-e300-v1").recipe).toMatchObject({
    epochs: 300,
    schedule: { at: [60, 120, 180, 240] },
  });
  expect(recipeFor(protocolNamed("ncfm-v1"), { mirrorInvariant: false }).augmentation).toBe(
    "color+crop_scale_rotate",
  );
});

test("no flip where mirror images change class", () => {
  const dsa = protocolNamed("dsa-v1");
  expect(recipeFor(dsa, { mirrorInvariant: true }).augmentation).toBe("color_crop_cutout_flip_scale_rotate");
  expect(recipeFor(dsa, { mirrorInvariant: false }).augmentation).toBe("color_crop_cutout_scale_rotate");
  expect(recipeFor(protocolNamed("dc-v1"), { mirrorInvariant: false }).augmentation).toBe("none");
});

test("trajectory matching's train with the step size of the set, and with 0.01 where it has none", () => {
  const dataset = { mirrorInvariant: false };
  const mtt = protocolNamed("mtt-v1");
  expect(recipeFor(mtt, dataset, { stepSize: 0.03 })).toMatchObject({
    learningRate: 0.03,
    augmentation: "color_crop_cutout_scale_rotate",
  });
  expect(recipeFor(mtt, dataset).learningRate).toBe(0.01);
  expect(recipeFor(protocolNamed("dsa-v1"), dataset, { stepSize: 0.03 }).learningRate).toBe(0.01);
  expect(protocolNamed("datm-v1").recipe.batchSize).toBe(128);
  expect(protocolNamed("mtt-e300-v1").stepSize).toBe("learned");
});

test("other epochs are another name", () => {
  const short = protocolNamed("dsa-e300-v1");
  expect(short).toEqual(withEpochs(protocolNamed("dsa-v1"), 300));
  expect(protocolId(short)).toBe("dsa-e300-v1");
  expect(short.recipe).toMatchObject({ epochs: 301, schedule: { at: [152] } });
  expect(protocolHash(short)).not.toBe(protocolHash(protocolNamed("dsa-v1")));
  expect(withEpochs(short, 1).recipe).toMatchObject({ epochs: 2, schedule: { at: [] } });
});

test("IDC's: 1000 passes, drops after two thirds and five sixths, a flip and colour before one of the rest", () => {
  const { recipe } = protocolNamed("idc-v1");
  expect(recipe).toMatchObject({
    epochs: 1000,
    batchSize: 64,
    schedule: { kind: "steps", at: [666, 833], factor: 0.2 },
    resetAtSteps: false,
    augmentation: "flip+color+crop_scale_rotate",
    mixing: { kind: "cutmix", alpha: 1, probability: 0.5 },
  });
  expect(recipeFor(protocolNamed("idc-unmixed-v1"), { mirrorInvariant: false })).toMatchObject({
    augmentation: "color+crop_scale_rotate",
  });
  expect(protocolNamed("idc-unmixed-v1").recipe.mixing).toBeUndefined();
  expect(protocolNamed("idc-e300-v1").recipe).toMatchObject({ epochs: 300, schedule: { at: [200, 250] } });
  expect(protocolNamed("dc-mnist-v1").recipe).toMatchObject({
    epochs: 1001,
    schedule: { at: [502] },
    augmentation: "dc-crop-scale-rotate",
  });
});

test("SRe2L's and RDED's: a teacher's scores at a temperature, without its square", () => {
  const sre2l = recipeFor(protocolNamed("sre2l-v1"), { mirrorInvariant: true });
  expect(sre2l).toMatchObject({
    optimiser: "adamw",
    learningRate: 1e-3,
    weightDecay: 0.01,
    epochs: 400,
    batchSize: 128,
    schedule: { kind: "cosine", smoothing: 1 },
    augmentation: "crop-flip",
    mixing: { kind: "mixup", alpha: 0.8, probability: 1 },
    loss: { kind: "cross-entropy", temperature: 30, temperaturePower: 0 },
  });
  expect(recipeFor(protocolNamed("sre2l-v1"), { mirrorInvariant: false }).augmentation).toBe("crop");
  expect(protocolNamed("rded-v1").recipe).toMatchObject({
    epochs: 300,
    batchSize: 50,
    schedule: { kind: "cosine", smoothing: 2 },
    augmentation: "flip",
    mixing: { kind: "cutmix", alpha: 1 },
    loss: { temperature: 20 },
  });
  expect(recipeFor(protocolNamed("rded-v1"), { mirrorInvariant: false }).augmentation).toBe("none");
  expect(protocolNamed("rded-large-v1").recipe.batchSize).toBe(100);
  expect(protocolNamed("sre2l-e100-v1").recipe.epochs).toBe(100);
});

test("beside a protocol for a teacher's scores stands one for classes: temperature 1, all else the same", () => {
  const beside = (id: string): string => protocolId(protocolForClasses(protocolNamed(id)));
  expect(beside("sre2l-v1")).toBe("sre2l-hard-v1");
  expect(beside("rded-large-e30-v1")).toBe("rded-large-hard-e30-v1");
  for (const id of ["sre2l-hard-v1", "dsa-e5-v1", "neutral-soft-v1"]) expect(beside(id)).toBe(id);
  const { loss: ofClasses, ...classes } = protocolForClasses(protocolNamed("sre2l-e100-v1")).recipe;
  const { loss: ofScores, ...scores } = protocolNamed("sre2l-e100-v1").recipe;
  expect(classes).toEqual(scores);
  expect([ofClasses, ofScores]).toMatchObject([{ temperature: 1 }, { temperature: 30 }]);
});

test("unknown ids and keys are errors", () => {
  expect(() => protocolNamed("dsa")).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: protocol: unknown "dsa"; known: dc-v1, dc-mnist-v1, dsa-v1, idc-v1, idc-unmixed-v1, datadam-v1, mtt-v1, datm-v1, ncfm-v1, neutral-v1, neutral-hard-v1, neutral-soft-v1, neutral-plain-v1, neutral-soft-plain-v1, sre2l-v1, rded-v1, rded-large-v1, sre2l-hard-v1, rded-hard-v1, rded-large-hard-v1, start-v1, or with other epochs such as dsa-e300-v1]`,
  );
  expect(() => protocolNamed("constructor")).toThrow('unknown "constructor"');
  expect(() => protocolSchema.parse({ ...protocolNamed("dc-v1"), warmup: 5 })).toThrow("warmup");
});
