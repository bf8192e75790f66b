import { createRunContext, disposeState, distill, useBackend, type RunEvent } from "@limbeck/core";
import { testMethod } from "@limbeck/core/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { toy, toyConfig } from "../shared/testing/toy-config.ts";
import { mtt } from "../mtt/method.ts";
import { ftdConfigSchema } from "./config.ts";
import { ftd } from "./method.ts";

testMethod(ftd, { dataset: toy, config: { ...toyConfig, averageDecay: 0.5 } });

describe("ftd", () => {
  beforeAll(() => useBackend("cpu"));

  it("is MTT with plain experts and no average", async () => {
    const config = { ...toyConfig, iterations: 3 };
    const plain = await distill(mtt, toy, { config }).result;
    const same = { ...config, sharpnessRadius: 0, averageDecay: 0 };
    const found = await distill(ftd, toy, { config: same }).result;
    expect(found.images).toEqual(plain.images);
    const flat = await distill(ftd, toy, { config: { ...config, averageDecay: 0 } }).result;
    expect(flat.images).not.toEqual(plain.images);
  });

  it("averages: with one step, the decay of the first images and the rest of the moved ones", async () => {
    const config = { ...toyConfig, iterations: 1 };
    const context = createRunContext(toy, 0);
    const parsed = ftdConfigSchema.parse(config);
    const state = ftd.init(context, parsed);
    const first = ftd.result(context, state, parsed).images;
    disposeState(state);
    const moved = (await distill(ftd, toy, { config: { ...config, averageDecay: 0 } }).result).images;
    const averaged = (await distill(ftd, toy, { config: { ...config, averageDecay: 0.75 } }).result).images;
    averaged.forEach((value, i) => expect(value).toBeCloseTo(0.75 * first[i]! + 0.25 * moved[i]!, 5));
  });

  it("tells where each step started", async () => {
    const events: RunEvent[] = [];
    for await (const event of distill(ftd, toy, { config: toyConfig })) events.push(event);
    const terms = events.flatMap((event) => (event.kind === "step" ? [event.terms] : []));
    expect(new Set(terms.map(({ startEpoch }) => startEpoch))).toEqual(new Set([0, 1]));
    expect(Object.keys(terms[0]!)).toEqual(["distance", "startEpoch", "stepSize", "heldBack"]);
  });
});
