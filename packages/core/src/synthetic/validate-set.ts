import { checkNormalisation } from "../dataset/normalise.ts";
import { DataError } from "../errors.ts";
import { hashImages } from "./hash-set.ts";
import { recordsLength } from "./view-labels.ts";
import type { SyntheticSet } from "./synthetic-set.ts";

type SetContent = Omit<SyntheticSet, "provenance">;

/**
 * Checks that a set is whole: lengths fit, all numbers are finite, labels are classes.
 *
 * @param where Begins the message: a file or a function.
 * @throws {DataError} naming the first thing that is wrong.
 * @throws {ShapeError} if the normalisation does not fit the images.
 */
export function validateSyntheticSet(set: SetContent, where = "synthetic set"): void {
  const { images, size, shape, classes, labels, factor, stepSize } = set;
  const fail = (message: string): never => {
    throw new DataError(`${where}: ${message}`);
  };
  if (!Number.isInteger(size) || size < 1) fail(`size must be a whole number of at least 1, got ${size}`);
  if (shape.length !== 3 || !shape.every((length) => Number.isInteger(length) && length > 0)) {
    fail(`shape must be [height, width, channels], got [${shape}]`);
  }
  if (classes.length < 1) fail("wanted the names of at least one class, got none");
  const pixels = size * shape[0] * shape[1] * shape[2];
  if (images.length !== pixels) {
    fail(`images must hold ${size} × [${shape}] = ${pixels} numbers, got ${images.length}`);
  }
  const bad = firstNotFinite(images);
  if (bad >= 0)
    fail(`images must be finite, got ${images[bad]} in image ${Math.floor((bad * size) / pixels)}`);
  if (labels.kind !== "soft") {
    if (labels.values.length !== size) fail(`wanted ${size} labels, got ${labels.values.length}`);
    const wrong = labels.values.findIndex((label) => label < 0 || label >= classes.length);
    if (wrong >= 0)
      fail(`labels must be from 0 to ${classes.length - 1}, got ${labels.values[wrong]} for image ${wrong}`);
  } else {
    const wanted = size * classes.length;
    if (labels.values.length !== wanted) {
      fail(
        `soft labels must hold ${size} × ${classes.length} = ${wanted} numbers, got ${labels.values.length}`,
      );
    }
    const wrong = firstNotFinite(labels.values);
    if (wrong >= 0) {
      fail(
        `soft labels must be finite, got ${labels.values[wrong]} for image ${Math.floor(wrong / classes.length)}`,
      );
    }
  }
  if (labels.kind === "views" || labels.kind === "projector") checkBelonging(set, labels, where);
  const largest = Math.min(shape[0], shape[1]);
  if (factor !== undefined && !(Number.isInteger(factor) && factor >= 2 && factor <= largest)) {
    fail(
      `factor must be absent or a whole number from 2 to ${largest}, the side of the images, got ${factor}`,
    );
  }
  if (stepSize !== undefined && !(stepSize > 0 && stepSize < Infinity)) {
    fail(`stepSize must be positive, got ${stepSize}`);
  }
  checkNormalisation(set.normalisation, shape);
}

/** Labels of views and projectors belong to one image set and are whole. */
function checkBelonging(
  set: SetContent,
  labels: Extract<SetContent["labels"], { kind: "views" | "projector" }>,
  where: string,
): void {
  const { header, records } = labels.kind === "views" ? labels.views : labels.projector;
  const wanted = hashImages(set);
  if (header.images !== wanted) {
    throw new DataError(
      `${where}: the ${labels.kind} labels belong to images ${header.images.slice(0, 12)}, the set has ${wanted.slice(0, 12)}; use the labels that were made for this set, or label it again`,
    );
  }
  if (header.classes !== set.classes.length) {
    throw new DataError(
      `${where}: the ${labels.kind} labels are for ${header.classes} classes, the set has ${set.classes.length}`,
    );
  }
  if (labels.kind === "views") {
    const { views } = labels.views.header;
    const images = set.size * (set.factor ?? 1) ** 2;
    const labelled = views.kind === "static" ? views.size : views.plan.size;
    if (labelled !== images) {
      throw new DataError(`${where}: the views are of ${labelled} images, the set has ${images}`);
    }
    const bytes = recordsLength(labels.views.header);
    if (records.byteLength !== bytes) {
      throw new DataError(
        `${where}: the labels of the views must have ${bytes} bytes, got ${records.byteLength}; label the set again`,
      );
    }
  }
}

function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}
