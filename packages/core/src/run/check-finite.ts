import { RunError } from "../errors.ts";
import type { MethodState, StepResult } from "../method/method.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { firstNotFinite } from "./state-codec.ts";

const ADVICE = "start again with a lower learning rate, or look for a division by zero";

/** @throws {RunError} naming the step and the first term, or else the loss, that is not finite. */
export function checkFiniteStep(where: string, { loss, terms }: StepResult<MethodState>, kept: string): void {
  const bad = Object.entries(terms).find(([, value]) => !Number.isFinite(value));
  if (bad !== undefined) {
    const [term, value] = bad;
    throw new RunError(`${where}: term "${term}" of the loss is not finite, got ${value}; ${ADVICE}${kept}`);
  }
  if (!Number.isFinite(loss)) {
    throw new RunError(`${where}: the loss is not finite, got ${loss}; ${ADVICE}${kept}`);
  }
}

/** @throws {RunError} naming the image, soft label or step size that is not finite. */
export function checkFiniteSet(where: string, set: Omit<SyntheticSet, "provenance">, kept: string): void {
  const { images, size, labels, classes, stepSize } = set;
  const fail = (what: string): never => {
    throw new RunError(`${where}: ${what} is not finite; ${ADVICE}${kept}`);
  };
  const pixel = firstNotFinite(images);
  if (pixel >= 0) fail(`image ${Math.floor(pixel / (images.length / size))}`);
  const label = labels.kind === "soft" ? firstNotFinite(labels.values) : -1;
  if (label >= 0) fail(`the soft label of image ${Math.floor(label / classes.length)}`);
  if (stepSize !== undefined && !Number.isFinite(stepSize)) fail("the step size");
}
