import { expect, test } from "vitest";
import { protocolHash, protocolId, protocolSchema, withEpochs } from "./protocol.ts";
import { protocolNamed, protocols } from "./protocols.ts";

test("the published protocols are what the papers' loops do", () => {
  // Reference loops make E + 1 passes; the last pass at the old rate is 151, 501, 901 (0-based).
  expect(protocolNamed("dc-v1")).toMatchObject({
    epochs: 301,
    decayAt: [152],
    augmentation: "none",
    batchSize: 256,
  });
  expect(protocolNamed("dsa-v1")).toMatchObject({
    epochs: 1001,
    decayAt: [502],
    augmentation: "dsa",
    batchSize: 256,
  });
  expect(protocolNamed("datadam-v1")).toMatchObject({
    epochs: 1801,
    decayAt: [902],
    augmentation: "dsa",
    batchSize: 64,
  });
});

test("a protocol cannot change without a new version", () => {
  const hashes = Object.entries(protocols).map(
    ([id, protocol]) => `${id} ${protocolHash(protocol).slice(0, 16)}`,
  );
  expect(hashes).toMatchInlineSnapshot(`
    [
      "dc-v1 c7d7d7755aafccec",
      "dsa-v1 7883bd1bb1cc1b1d",
      "datadam-v1 dd2fa13abffa2861",
      "start-v1 029beaa6c9adf31f",
    ]
  `);
});

test("other epochs are another name", () => {
  const short = protocolNamed("dsa-e300-v1");
  expect(short).toEqual(withEpochs(protocolNamed("dsa-v1"), 300));
  expect(protocolId(short)).toBe("dsa-e300-v1");
  expect(short).toMatchObject({ epochs: 301, decayAt: [152] });
  expect(protocolHash(short)).not.toBe(protocolHash(protocolNamed("dsa-v1")));
});

test("unknown ids and keys are errors", () => {
  expect(() => protocolNamed("dsa")).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: protocol: unknown "dsa"; known: dc-v1, dsa-v1, datadam-v1, start-v1, or with other epochs such as dsa-e300-v1]`,
  );
  expect(() => protocolSchema.parse({ ...protocolNamed("dc-v1"), warmup: 5 })).toThrow("warmup");
});
